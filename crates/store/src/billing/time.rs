//! What time does: trials and periods end, changes that were scheduled begin, checkouts expire. Any number of processes may
//! do it: each step has a name of its own, and happens once.

use std::time::Duration;

use farebox_engine::{
    ledger::{Actor, Command, Refusal},
    subscription::{Collection, Event, Step, Term, apply},
};
use farebox_types::{Id, Merchant, Timestamp};
use uuid::Uuid;

use super::{
    Ask, Billing, BillingError, Checkout, CheckoutState, Done, Kind, Put, Row, StoredRow, Subscription, TestClock,
    ask::Decided, change,
};
use crate::OperationKey;

/// Steps of one subscription in one go; a longer sleep is gone through in several.
const STEPS: u32 = 1_000;
/// Rows that a test clock looks at at once.
const BATCH: u32 = 100;

impl Billing {
    /// Does what is due by the machine's clock for up to `limit` rows, which it leases; how many it leased. What fails is
    /// tried again when its lease is over, and keeps nothing else waiting.
    ///
    /// # Errors
    /// A [`crate::Fault`] if nothing could be leased.
    pub async fn run_due(&self, limit: u32, lease: Duration) -> Result<usize, BillingError> {
        let now = self.machine_time();
        let rows = self.store.lease_due(now, now.after(lease), limit).await?;
        for row in &rows {
            if let Err(error) = self.run_row(row, now).await {
                tracing::warn!(tenant = %row.tenant, kind = row.kind.as_str(), id = %row.id, %error, "to be tried again");
            }
        }
        Ok(rows.len())
    }

    async fn run_row(&self, row: &StoredRow, now: Timestamp) -> Result<(), BillingError> {
        match row.kind {
            Kind::Subscription => self.bring_up(row.tenant, row.id, now).await,
            Kind::Checkout => self.expire_checkout(row.tenant, row.id, now).await,
            _ => Ok(()),
        }
    }

    /// Goes through everything that has become due for a subscription, one commit a step.
    pub(super) async fn bring_up(&self, tenant: Id<Merchant>, id: Uuid, now: Timestamp) -> Result<(), BillingError> {
        for _ in 0..STEPS {
            let Some(row) = self.get::<Subscription>(tenant, id).await? else { return Ok(()) };
            let Some((term, step)) = row.value.term.advance(now) else { return Ok(()) };
            self.step(tenant, &row, (term, step)).await?;
        }
        Ok(())
    }

    /// One step, at the instant it was due. Whoever comes second finds it done.
    async fn step(
        &self,
        tenant: Id<Merchant>,
        row: &Row<Subscription>,
        (term, step): (Term, Step),
    ) -> Result<(), BillingError> {
        let due = row.value.term.period_end;
        let ask = clock_ask(tenant, format!("{}/{}", row.value.id, row.revision));
        let mut holdings = self.holdings(tenant, row.value.customer).await?;
        // Decided as of then: a scheduler that is late grants what it would have granted.
        holdings.now = due;
        let mut after = Subscription { term, ..row.value.clone() };
        let mut commands = Vec::new();
        match step {
            Step::Ended => commands = change::ended(&holdings, &row.value, &ask.actor),
            Step::Changed(plan) => {
                let plan = self.plan(tenant, plan).await?;
                let collection = match term.collection {
                    _ if plan.is_free() => Collection::Free,
                    Collection::Free => Collection::Missing,
                    other => other,
                };
                (after, commands) = change::changed(&mut holdings, &after, (&plan, collection, false), &ask.actor);
            }
            Step::TrialEnded | Step::Renewed => {}
        }
        let credits = self.period_credits(&holdings, &after, &ask.actor).await?;
        let puts = vec![Put::update(&row.with(after), action(step))?];
        let decided = |credits: Vec<Command>| Decided {
            puts: puts.clone(),
            commands: commands.iter().cloned().chain(credits).collect(),
            answer: String::new(),
        };
        // Stale or written before: another process has done it.
        match self.commit(&ask, decided(credits), due).await {
            Err(BillingError::Refused(refusal @ (Refusal::TooManyLots | Refusal::Overflow))) => {
                tracing::error!(subscription = %row.value.id, %refusal, "a period's credits were not granted");
                self.commit(&ask, decided(Vec::new()), due).await?;
            }
            done => _ = done?,
        }
        Ok(())
    }

    async fn expire_checkout(&self, tenant: Id<Merchant>, id: Uuid, now: Timestamp) -> Result<(), BillingError> {
        let Some(row) = self.get::<Checkout>(tenant, id).await? else { return Ok(()) };
        if row.value.state != CheckoutState::Open || now < row.value.expires_at {
            return Ok(());
        }
        let ask = clock_ask(tenant, format!("{id}/{}", row.revision));
        let after = Checkout { state: CheckoutState::Expired, ..row.value.clone() };
        let mut puts = vec![Put::update(&row.with(after), "checkout_expired")?];
        if let Some(held) = self.get::<Subscription>(tenant, row.value.subscription).await?
            && let Ok(status) = apply(held.value.term.status, Event::CheckoutExpired)
        {
            let term = Term { status, ..held.value.term };
            let over = Subscription { term, ..held.value.clone() };
            puts.push(Put::update(&held.with(over), "subscription_expired")?);
        }
        self.commit(&ask, Decided { puts, ..Decided::default() }, now).await?;
        Ok(())
    }

    /// Moves a tenant's test clock forward, through everything that falls between.
    ///
    /// # Errors
    /// [`BillingError::NotFound`]; [`BillingError::Invalid`] if `to` is not later. After a fault it is asked again, and goes
    /// on from where it was.
    pub async fn advance_clock(
        &self,
        ask: &Ask,
        (id, to): (Uuid, Timestamp),
        answer: impl Fn(&TestClock) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        if let Some(done) = self.answered(ask).await? {
            return Ok(done);
        }
        let missing = || BillingError::NotFound(Kind::TestClock);
        let row = self.get::<TestClock>(ask.tenant, id).await?.ok_or_else(missing)?;
        if to <= row.value.frozen_at {
            return Err(BillingError::Invalid("a test clock moves forward only"));
        }
        // One step changes when the next is due: the earliest is done first, and then looked for again.
        while let Some(due) = self.store.due_of(ask.tenant, to, BATCH).await?.first() {
            let before = due.revision;
            let at = due_at(due).unwrap_or(to).min(to);
            self.run_row(due, at).await?;
            let after = self.store.billing_row(ask.tenant, due.kind, due.id).await?;
            if after.is_some_and(|row| row.revision == before) {
                return Err(BillingError::Busy);
            }
        }
        self.decide(ask, || async {
            let row = self.get::<TestClock>(ask.tenant, id).await?.ok_or_else(missing)?;
            let clock = TestClock { id, frozen_at: to, advancing_to: None };
            let puts = vec![Put::update(&row.with(clock.clone()), "test_clock_advanced")?];
            Ok((Decided { puts, answer: answer(&clock), ..Decided::default() }, to))
        })
        .await
    }
}

fn due_at(row: &StoredRow) -> Option<Timestamp> {
    match row.kind {
        Kind::Subscription => Row::<Subscription>::read(row).ok()?.value.term.due_at(),
        Kind::Checkout => Row::<Checkout>::read(row).ok().map(|row| row.value.expires_at),
        _ => None,
    }
}

/// A step is named by the row and the revision it leads from.
fn clock_ask(tenant: Id<Merchant>, key: String) -> Ask {
    let operation = OperationKey { scope: "clock".to_owned(), key };
    Ask { tenant, operation, request_hash: [0; 32], actor: Actor::new("clock") }
}

const fn action(step: Step) -> &'static str {
    match step {
        Step::TrialEnded => "subscription_trial_ended",
        Step::Renewed => "subscription_renewed",
        Step::Changed(_) => "subscription_plan_changed",
        Step::Ended => "subscription_canceled",
    }
}
