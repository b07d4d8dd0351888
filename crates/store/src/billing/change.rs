//! What callers do to a subscription: another plan, an end, a rest.

use farebox_engine::{
    ledger::{AccountSpec, Actor, Command, Renewal},
    subscription::{Collection, PendingChange, Status, Term, period_at},
};
use farebox_types::{Id, Merchant};
use uuid::Uuid;

use super::{
    Ask, Billing, BillingError, Done, Holdings, Kind, Plan, Put, Row, Subscription,
    ask::Decided,
    holdings::{Stream, plan_stream},
};

/// When another plan begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// Now, within the current period; what was used counts.
    Now,
    /// Now, and a new period with it.
    NewPeriod,
    /// With the next period.
    NextPeriod,
}

/// Another plan for a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangePlan {
    /// Which subscription.
    pub subscription: Uuid,
    /// The plan's version.
    pub plan: Uuid,
    /// When it begins. Where periods are of another length, a new one begins all the same.
    pub begins: Begins,
    /// How its periods are paid for, if it costs anything.
    pub collection: Collection,
}

impl Billing {
    /// Changes a subscription's plan.
    ///
    /// # Errors
    /// [`BillingError::NotFound`]; [`BillingError::Invalid`] if the plan is not sold or is the same;
    /// [`BillingError::NotAllowed`] unless the subscription is in force.
    pub async fn change_plan(
        &self,
        ask: &Ask,
        wanted: ChangePlan,
        answer: impl Fn(&Subscription) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.decide(ask, || async {
            let (row, mut holdings) = self.held(ask.tenant, wanted.subscription).await?;
            let plan = self.sold(ask.tenant, wanted.plan).await?;
            if plan.id == row.value.plan || row.value.add_ons.iter().any(|add_on| add_on.plan == plan.id) {
                return Err(BillingError::Invalid("the plan is the same, or has been added to this one"));
            }
            if !row.value.term.status.is_entitled() {
                return Err(farebox_engine::subscription::NotAllowed { status: row.value.term.status }.into());
            }
            if wanted.begins == Begins::NextPeriod {
                let at = row.value.term.period_end;
                let pending_change = Some(PendingChange { plan: plan.id, at });
                let term = Term { pending_change, ..row.value.term };
                let after = Subscription { term, ..row.value.clone() };
                let puts = vec![Put::update(&row.with(after.clone()), "subscription_change_scheduled")?];
                return Ok((Decided { puts, answer: answer(&after), ..Decided::default() }, holdings.now));
            }
            let collection = if plan.is_free() { Collection::Free } else { wanted.collection };
            let anew = wanted.begins == Begins::NewPeriod;
            let (after, mut commands) = changed(&mut holdings, &row.value, (&plan, collection, anew), &ask.actor);
            commands.extend(self.period_credits(&holdings, &after, &ask.actor).await?);
            let puts = vec![Put::update(&row.with(after.clone()), "subscription_plan_changed")?];
            Ok((Decided { puts, commands, answer: answer(&after) }, holdings.now))
        })
        .await
    }

    /// Ends a subscription: with its period, or now; with what was said about it.
    ///
    /// # Errors
    /// [`BillingError::NotFound`], [`BillingError::NotAllowed`].
    pub async fn cancel(
        &self,
        ask: &Ask,
        (id, at_period_end): (Uuid, bool),
        (reason, feedback): (Option<String>, Option<String>),
        answer: impl Fn(&Subscription) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.decide(ask, || async {
            let (row, holdings) = self.held(ask.tenant, id).await?;
            let term = row.value.term.cancel(at_period_end, holdings.now)?;
            let after = Subscription {
                term,
                cancel_reason: reason.clone(),
                cancel_feedback: feedback.clone(),
                ..row.value.clone()
            };
            let over = term.status == Status::Canceled;
            let commands = if over { ended(&holdings, &row.value, &ask.actor) } else { Vec::new() };
            let action = if over { "subscription_canceled" } else { "subscription_cancel_scheduled" };
            let puts = vec![Put::update(&row.with(after.clone()), action)?];
            Ok((Decided { puts, commands, answer: answer(&after) }, holdings.now))
        })
        .await
    }

    /// Takes back an end that has not come.
    ///
    /// # Errors
    /// [`BillingError::NotFound`], [`BillingError::NotAllowed`].
    pub async fn uncancel(
        &self,
        ask: &Ask,
        id: Uuid,
        answer: impl Fn(&Subscription) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.turn(ask, id, "subscription_uncanceled", |term, _| term.uncancel(), answer).await
    }

    /// Puts a subscription to rest: it gives nothing, and its periods go on.
    ///
    /// # Errors
    /// [`BillingError::NotFound`], [`BillingError::NotAllowed`].
    pub async fn pause(
        &self,
        ask: &Ask,
        id: Uuid,
        answer: impl Fn(&Subscription) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.turn(ask, id, "subscription_paused", |term, now| term.pause(now), answer).await
    }

    /// Wakes a subscription.
    ///
    /// # Errors
    /// [`BillingError::NotFound`], [`BillingError::NotAllowed`].
    pub async fn resume(
        &self,
        ask: &Ask,
        id: Uuid,
        answer: impl Fn(&Subscription) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.turn(ask, id, "subscription_resumed", |term, now| term.resume(now), answer).await
    }

    async fn turn(
        &self,
        ask: &Ask,
        id: Uuid,
        action: &'static str,
        turn: impl Fn(Term, farebox_types::Timestamp) -> Result<Term, farebox_engine::subscription::NotAllowed>
        + Send
        + Sync,
        answer: impl Fn(&Subscription) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.decide(ask, || async {
            let (row, holdings) = self.held(ask.tenant, id).await?;
            let after = Subscription { term: turn(row.value.term, holdings.now)?, ..row.value.clone() };
            // Who wakes in a period that began while resting has its credits too; a period's are granted once.
            let woken = !row.value.term.status.is_entitled();
            let commands = if woken { self.period_credits(&holdings, &after, &ask.actor).await? } else { Vec::new() };
            let puts = vec![Put::update(&row.with(after.clone()), action)?];
            Ok((Decided { puts, commands, answer: answer(&after) }, holdings.now))
        })
        .await
    }

    /// A subscription as it stands now, with its customer's holdings. One that time has changed since is brought up to date
    /// first: nothing is decided on what is over.
    pub(super) async fn held(
        &self,
        tenant: Id<Merchant>,
        id: Uuid,
    ) -> Result<(Row<Subscription>, Holdings), BillingError> {
        let missing = BillingError::NotFound(Kind::Subscription);
        let row = self.get::<Subscription>(tenant, id).await?.ok_or(missing)?;
        let holdings = self.holdings(tenant, row.value.customer).await?;
        if row.value.term.due_at().is_none_or(|due| holdings.now < due) {
            return Ok((row, holdings));
        }
        self.bring_up(tenant, id, holdings.now).await?;
        let row = self.get::<Subscription>(tenant, id).await?.ok_or(BillingError::NotFound(Kind::Subscription))?;
        let holdings = self.holdings(tenant, row.value.customer).await?;
        Ok((row, holdings))
    }
}

/// The subscription on its new plan, and what the ledger has to do: what the old plan included ends, what the new one
/// includes is granted, less what was used of the window.
pub(super) fn changed(
    holdings: &mut Holdings,
    before: &Subscription,
    (plan, collection, anew): (&Plan, Collection, bool),
    actor: &Actor,
) -> (Subscription, Vec<Command>) {
    let now = holdings.now;
    let mut term = Term { collection, pending_change: None, ..before.term };
    if anew || plan.interval() != term.interval {
        let period = period_at(now, plan.interval(), 0);
        (term.anchor, term.interval) = (now, plan.interval());
        (term.period_start, term.period_end) = (period.start, period.end);
        term.trial_end = term.trial_end.filter(|end| now < *end).map(|_| now);
        if term.status == Status::Trialing {
            term.status = Status::Active;
        }
    }
    let after = Subscription {
        plan: plan.id,
        plan_code: plan.code.clone(),
        product: plan.product,
        term,
        generation: before.generation + 1,
        plan_since: now,
        ..before.clone()
    };
    let mut features: Vec<Uuid> = Vec::new();
    for (_, added) in grants(holdings, before) {
        features.extend(added);
    }
    features.extend(plan.grants.iter().map(|grant| grant.feature));
    features.sort_unstable();
    features.dedup();
    let commands = features.into_iter().flat_map(|feature| switched(holdings, (before, &after, plan), feature, actor));
    let commands = commands.collect();
    (after, commands)
}

fn switched(
    holdings: &Holdings,
    (before, after, plan): (&Subscription, &Subscription, &Plan),
    feature: Uuid,
    actor: &Actor,
) -> Vec<Command> {
    let old = holdings.plan_streams(before, feature);
    let mut new: Vec<Stream> = plan_stream(after, plan, (feature, 1), holdings.now).into_iter().collect();
    new.extend(after.add_ons.iter().filter_map(|add_on| {
        plan_stream(after, holdings.plan(add_on.plan)?, (feature, add_on.quantity), holdings.now)
    }));
    if new.iter().all(|stream| holdings.renewal(feature, stream, actor).is_none()) {
        return holdings.closing(feature, &old, actor).map(Command::Renew).into_iter().collect();
    }
    let closes = holdings.lots(feature, &old);
    let meter = |start| AccountSpec::meter(holdings.tenant, feature, holdings.customer.value.id, start);
    let mut commands = Vec::new();
    for stream in &new {
        let Some(renewal) = holdings.renewal(feature, stream, actor) else { continue };
        // The first one ends what was, and what was used counts against it.
        let first = commands.is_empty();
        let used = first.then(|| meter(stream.source.window.start));
        let closes = if first { closes.clone() } else { Vec::new() };
        commands.push(Command::Renew(Renewal { closes, used, ..renewal }));
    }
    commands
}

/// What plan and add-ons of a subscription give: features, by plan.
fn grants(holdings: &Holdings, subscription: &Subscription) -> Vec<(Uuid, Vec<Uuid>)> {
    let plans = std::iter::once(subscription.plan).chain(subscription.add_ons.iter().map(|add_on| add_on.plan));
    let of = |id| Some((id, holdings.plan(id)?.grants.iter().map(|grant| grant.feature).collect()));
    plans.filter_map(of).collect()
}

/// What the ledger does when a subscription is over: what it included ends.
pub(super) fn ended(holdings: &Holdings, subscription: &Subscription, actor: &Actor) -> Vec<Command> {
    let mut features: Vec<Uuid> = grants(holdings, subscription).into_iter().flat_map(|(_, of)| of).collect();
    features.sort_unstable();
    features.dedup();
    let closing = |feature| holdings.closing(feature, &holdings.plan_streams(subscription, feature), actor);
    features.into_iter().filter_map(closing).map(Command::Renew).collect()
}
