//! What one customer has, read at once, and what follows from it for a feature.

use std::{collections::HashMap, sync::Arc, time::Duration};

use farebox_engine::{
    entitlement::{Course, Cycle, Source, SourceKind, Terms, WindowSpan},
    ledger::{AccountSpec, Actor, Renewal, TransferId, Window},
    subscription::Interval,
};
use farebox_types::{Id, Lot, Merchant, Quantity, Timestamp};
use uuid::Uuid;

use super::{
    Billing, BillingError, Customer, Entity, Feature, Holder, Kind, Override, Plan, Row, Settings, StoredRow,
    Subscription, TestClock,
};
use crate::Fault;

/// A customer with everything that decides what it may use.
#[derive(Debug, Clone)]
pub struct Holdings {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// Who.
    pub customer: Row<Customer>,
    /// Its subscriptions, also those that are over.
    pub subscriptions: Vec<Row<Subscription>>,
    /// Its overrides, also those that have expired.
    pub overrides: Vec<Row<Override>>,
    /// The tenant's settings.
    pub settings: Settings,
    /// What time it is for the tenant.
    pub now: Timestamp,
    /// Whether that is a test clock's.
    pub on_test_clock: bool,
    /// Subscriptions that time has changed, and the scheduler has not written yet.
    pub(crate) late: Vec<Uuid>,
    plans: HashMap<Uuid, Arc<Plan>>,
}

/// A source with what its windows are named and counted by.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    pub(crate) source: Source,
    pub(crate) course: Course,
}

impl Billing {
    /// Reads a customer's holdings.
    ///
    /// # Errors
    /// [`BillingError::NotFound`] if the tenant has no such customer, or a [`Fault`].
    pub async fn holdings(&self, tenant: Id<Merchant>, customer: Uuid) -> Result<Holdings, BillingError> {
        let rows = self.reads.holdings.ask(Holder { tenant, customer, feature: None }).await?;
        self.put_together(tenant, &rows).await
    }

    /// A feature by its code, and a customer's holdings, in one look.
    ///
    /// # Errors
    /// [`BillingError::NotFound`] if the tenant has no such feature or customer, or a [`Fault`].
    pub(super) async fn standing(
        &self,
        tenant: Id<Merchant>,
        customer: Uuid,
        code: &str,
    ) -> Result<(Feature, Holdings), BillingError> {
        let feature = Some(Feature::name_of(code));
        let rows = self.reads.holdings.ask(Holder { tenant, customer, feature }).await?;
        let feature = rows_of::<Feature>(&rows)?.pop().ok_or(BillingError::NotFound(Kind::Feature))?;
        Ok((feature.value, self.put_together(tenant, &rows).await?))
    }

    async fn put_together(&self, tenant: Id<Merchant>, rows: &[StoredRow]) -> Result<Holdings, BillingError> {
        let found = rows_of::<Customer>(rows)?.pop().ok_or(BillingError::NotFound(Kind::Customer))?;
        let clock = rows_of::<TestClock>(rows)?.pop();
        let settings = rows_of::<Settings>(rows)?.pop().map(|row| row.value);
        let mut holdings = Holdings {
            tenant,
            customer: found,
            subscriptions: rows_of(rows)?,
            overrides: rows_of(rows)?,
            settings: settings.unwrap_or(Settings::unset(tenant.uuid())),
            now: clock.as_ref().map_or_else(|| self.machine_time(), |clock| clock.value.frozen_at),
            on_test_clock: clock.is_some(),
            late: Vec::new(),
            plans: HashMap::new(),
        };
        holdings.catch_up();
        for plan in holdings.plan_ids() {
            holdings.plans.insert(plan, self.plan(tenant, plan).await?);
        }
        Ok(holdings)
    }
}

impl Billing {
    /// [`Billing::standing`] before a write, as [`Billing::holdings_to_write`].
    pub(super) async fn standing_to_write(
        &self,
        tenant: Id<Merchant>,
        customer: Uuid,
        code: &str,
    ) -> Result<(Feature, Holdings), BillingError> {
        let (feature, holdings) = self.standing(tenant, customer, code).await?;
        Ok((feature, self.brought_up(holdings).await?))
    }

    /// The same before a write: what time has changed is written first, so that nothing is decided on what is over.
    pub(super) async fn holdings_to_write(
        &self,
        tenant: Id<Merchant>,
        customer: Uuid,
    ) -> Result<Holdings, BillingError> {
        self.brought_up(self.holdings(tenant, customer).await?).await
    }

    async fn brought_up(&self, holdings: Holdings) -> Result<Holdings, BillingError> {
        if holdings.late.is_empty() {
            return Ok(holdings);
        }
        for subscription in &holdings.late {
            self.bring_up(holdings.tenant, *subscription, holdings.now).await?;
        }
        self.holdings(holdings.tenant, holdings.customer.value.id).await
    }
}

fn rows_of<T: Entity>(rows: &[StoredRow]) -> Result<Vec<Row<T>>, Fault> {
    rows.iter().filter(|row| row.kind == T::KIND).map(Row::read).collect()
}

impl Holdings {
    /// Shows subscriptions as the scheduler will leave them, should it be late.
    fn catch_up(&mut self) {
        for row in &mut self.subscriptions {
            if row.value.term.due_at().is_some_and(|due| due <= self.now) {
                self.late.push(row.value.id);
            }
            let mut steps = 0;
            while let Some((term, _)) = row.value.term.advance(self.now) {
                row.value.term = term;
                steps += 1;
                if steps == 1_000 {
                    break;
                }
            }
        }
    }

    fn plan_ids(&self) -> Vec<Uuid> {
        let of = |row: &Row<Subscription>| -> Vec<Uuid> {
            std::iter::once(row.value.plan).chain(row.value.add_ons.iter().map(|add_on| add_on.plan)).collect()
        };
        self.subscriptions.iter().flat_map(of).collect()
    }

    /// The version of a plan that one of the subscriptions refers to.
    #[must_use]
    pub fn plan(&self, id: Uuid) -> Option<&Plan> {
        self.plans.get(&id).map(Arc::as_ref)
    }

    /// Whether a subscription gives anything now.
    #[must_use]
    pub fn is_entitled(&self, subscription: &Subscription) -> bool {
        subscription.term.is_entitled(self.now, Duration::from_secs(self.settings.past_due_grace_seconds))
    }

    /// The tenant's own time, for the ledger; `None` where the machine's holds.
    pub(crate) fn clock(&self) -> Option<Timestamp> {
        self.on_test_clock.then_some(self.now)
    }

    /// What gives of a feature now: overrides in force, or else plans.
    pub(crate) fn streams(&self, feature: Uuid) -> Vec<Stream> {
        let overrides: Vec<Stream> = self.override_streams(feature).collect();
        if !overrides.is_empty() {
            return overrides;
        }
        let entitled = self.subscriptions.iter().filter(|row| self.is_entitled(&row.value));
        entitled.flat_map(|row| self.plan_streams(&row.value, feature)).collect()
    }

    fn override_streams(&self, feature: Uuid) -> impl Iterator<Item = Stream> + '_ {
        let now = self.now;
        let in_force =
            move |row: &&Row<Override>| row.value.feature == feature && row.value.expires_at.is_none_or(|at| now < at);
        self.overrides.iter().filter(in_force).map(move |row| override_stream(&row.value, now))
    }

    /// What a subscription gives of a feature by its plan and what was added to it, in force or not.
    pub(crate) fn plan_streams(&self, subscription: &Subscription, feature: Uuid) -> Vec<Stream> {
        let added = subscription.add_ons.iter().map(|add_on| (add_on.plan, add_on.quantity));
        let plans = std::iter::once((subscription.plan, 1)).chain(added);
        let streams = plans.filter_map(|(id, quantity)| {
            let plan = self.plan(id)?;
            plan_stream(subscription, plan, (feature, quantity), self.now)
        });
        streams.collect()
    }

    /// Whether a subscription would give of the feature, were it in force.
    pub(crate) fn is_inactive(&self, feature: Uuid) -> bool {
        let resting = self.subscriptions.iter().filter(|row| !self.is_entitled(&row.value));
        resting.into_iter().any(|row| !self.plan_streams(&row.value, feature).is_empty())
    }

    /// The window that usage of the feature is counted in.
    pub(crate) fn counted_in(&self, streams: &[Stream]) -> WindowSpan {
        let ends = |span: &WindowSpan| span.end.map_or(i64::MAX, Timestamp::micros);
        let first = streams.iter().map(|stream| stream.source.window).min_by_key(ends);
        first.unwrap_or_else(|| {
            let (started_at, anchor) = (self.now, self.now);
            let course = Course { started_at, trial_end: None, anchor, interval: Interval::MONTH };
            Cycle::CalendarMonth.window(&course, self.now)
        })
    }

    /// The account that a feature's balance is: its own, or the credits of a plan of the credits API.
    ///
    /// # Errors
    /// [`BillingError::Invalid`] if it is such credits, and the customer has no payer.
    pub(crate) fn account(&self, feature: &Feature) -> Result<AccountSpec, BillingError> {
        let Some(plan) = feature.credits_plan else {
            return Ok(AccountSpec::metered(self.tenant, feature.id, self.customer.value.id));
        };
        let payer = self.customer.value.payer();
        let payer = payer.ok_or(BillingError::Invalid("the customer has no payer whose credits could be used"))?;
        Ok(AccountSpec::holder(self.tenant, Id::from_uuid(plan), payer))
    }

    /// Where goes what is taken from [`Holdings::account`].
    pub(crate) fn spent(&self, feature: &Feature) -> AccountSpec {
        match feature.credits_plan {
            Some(plan) => AccountSpec::revenue(self.tenant, Id::from_uuid(plan)),
            None => AccountSpec::consumed(self.tenant, feature.id),
        }
    }

    /// The command that opens a stream's windows; `None` if it has none.
    pub(crate) fn renewal(&self, feature: Uuid, stream: &Stream, actor: &Actor) -> Option<Renewal> {
        let Terms::Metered(allowance) = &stream.source.terms else { return None };
        Some(Renewal {
            account: AccountSpec::metered(self.tenant, feature, self.customer.value.id),
            granter: AccountSpec::granter(self.tenant, feature),
            windows: self.windows(feature, stream),
            included: stream.source.included(),
            carry: allowance.rollover.carry(),
            closes: Vec::new(),
            used: None,
            at: self.now,
            actor: actor.clone(),
        })
    }

    pub(crate) fn windows(&self, feature: Uuid, stream: &Stream) -> Vec<Window> {
        let Terms::Metered(allowance) = &stream.source.terms else { return Vec::new() };
        let windows = allowance.cycle.windows(&stream.course, self.now);
        windows.iter().map(|span| window(self.tenant, &stream.source.key, feature, span.start)).collect()
    }

    /// Every lot that the windows of these streams may have left.
    pub(crate) fn lots(&self, feature: Uuid, streams: &[Stream]) -> Vec<Id<Lot>> {
        let windows = streams.iter().flat_map(|stream| self.windows(feature, stream));
        windows.flat_map(|window| [window.lot(), window.carried()]).collect()
    }

    /// The command that ends what streams have left, and grants nothing.
    pub(crate) fn closing(&self, feature: Uuid, streams: &[Stream], actor: &Actor) -> Option<Renewal> {
        let first = streams.iter().find(|stream| matches!(stream.source.terms, Terms::Metered(_)))?;
        let renewal = self.renewal(feature, first, actor)?;
        let id = TransferId::derive(self.tenant, "window", &format!("{}/{feature}/closed", first.source.key));
        Some(Renewal {
            windows: vec![Window { id, start: self.now }],
            included: Quantity::ZERO,
            carry: None,
            closes: self.lots(feature, streams),
            ..renewal
        })
    }
}

/// A window is named by what gives it, what it is of, and when it begins.
fn window(tenant: Id<Merchant>, key: &str, feature: Uuid, start: Timestamp) -> Window {
    let id = TransferId::derive(tenant, "window", &format!("{key}/{feature}/{}", start.micros()));
    Window { id, start }
}

fn override_stream(row: &Override, now: Timestamp) -> Stream {
    let (started_at, anchor) = (row.since, row.since);
    let course = Course { started_at, trial_end: None, anchor, interval: Interval::MONTH };
    let key = format!("override/{}/{}", row.id, row.generation);
    stream(SourceKind::Override, key, (&row.terms, 1), course, now)
}

pub(crate) fn plan_stream(
    subscription: &Subscription,
    plan: &Plan,
    (feature, quantity): (Uuid, u32),
    now: Timestamp,
) -> Option<Stream> {
    let grant = plan.grants.iter().find(|grant| grant.feature == feature)?;
    let course = Course { started_at: subscription.plan_since, ..subscription.term.course() };
    let key = format!("{}/{}/{}", subscription.id, subscription.generation, plan.id);
    let mut stream = stream(SourceKind::PlanGrant, key, (&grant.terms, quantity), course, now);
    stream.source.added = plan.id != subscription.plan;
    Some(stream)
}

fn stream(kind: SourceKind, key: String, (terms, quantity): (&Terms, u32), course: Course, now: Timestamp) -> Stream {
    let cycle = match terms {
        Terms::Metered(allowance) => allowance.cycle,
        _ => Cycle::SubscriptionPeriod,
    };
    let window = cycle.window(&course, now);
    Stream { source: Source { kind, key, terms: terms.clone(), quantity, added: false, window }, course }
}
