//! Beginning a subscription: at once, or after a checkout.

use std::time::Duration;

use farebox_engine::{
    ledger::{Actor, Command},
    subscription::{Collection, Status, Term},
};
use farebox_types::{Id, Merchant, Timestamp};
use uuid::Uuid;

use super::{
    AddOn, Ask, Billing, BillingError, Checkout, CheckoutState, Done, Due, Feature, Holdings, Kind, Plan, PlanStatus,
    Put, Row, Subscription,
    ask::Decided,
    credit::{in_credits, of_period},
};

/// What a customer is to be attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attach {
    /// The new subscription.
    pub subscription: Uuid,
    /// Who.
    pub customer: Uuid,
    /// The plan's version.
    pub plan: Uuid,
    /// Added to it.
    pub add_ons: Vec<AddOn>,
    /// How long it may be tried out: never longer than the plan says, which counts if nothing is said here.
    pub trial_days: Option<u32>,
    /// The checkout that is opened if something must be paid, or a card be given, first; without one that is refused.
    pub checkout: Option<OpenCheckout>,
}

/// A checkout to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCheckout {
    /// The new checkout.
    pub id: Uuid,
    /// Who takes the payment.
    pub provider: String,
    /// What the provider calls it.
    pub provider_reference: Option<String>,
    /// Where the customer pays.
    pub url: String,
    /// Where the customer goes then.
    pub success_url: Option<String>,
    /// Where the customer goes otherwise.
    pub cancel_url: Option<String>,
    /// For how long it can be paid.
    pub lifetime: Duration,
    /// What is to be paid at once.
    pub due: Option<Due>,
}

/// What a customer is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The subscription.
    pub subscription: Subscription,
    /// What must be paid first.
    pub checkout: Option<Checkout>,
}

/// What a checkout waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// What is sold, the plan first, and how many of each.
    pub plans: Vec<(Plan, u32)>,
    /// How long nothing is to be paid; 0 if the first period is paid for.
    pub trial_days: u32,
}

/// How a subscription would begin.
struct Beginning {
    /// The plan, then what is added to it.
    plans: Vec<(Plan, u32)>,
    trial_days: u32,
    /// All of it is free.
    free: bool,
    /// Something must be paid, or a card be given, first.
    waits: bool,
}

impl Billing {
    /// What attaching waits for in a checkout; `None` if it is free, add-ons included, or may be tried out without a card.
    ///
    /// # Errors
    /// As [`attach`](Self::attach).
    pub async fn awaited(&self, tenant: Id<Merchant>, wanted: &Attach) -> Result<Option<Awaited>, BillingError> {
        let holdings = self.holdings(tenant, wanted.customer).await?;
        if self.attached(&holdings, wanted.plan).await?.is_some() {
            return Ok(None);
        }
        let Beginning { plans, trial_days, waits, .. } = self.beginning(&holdings, wanted).await?;
        Ok(waits.then_some(Awaited { plans, trial_days }))
    }

    /// Attaches a customer to a plan. Who is on it already stays on it, and a checkout that is open for it is given again.
    /// A plan is tried out once by a customer, whatever became of it.
    ///
    /// # Errors
    /// [`BillingError::NotFound`] for customer, plan or add-on; [`BillingError::Invalid`] if one of them is not sold, an
    /// add-on is named twice or is the plan itself, or a checkout is needed and none is given.
    pub async fn attach(
        &self,
        ask: &Ask,
        wanted: &Attach,
        answer: impl Fn(&Attached) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.decide(ask, || async {
            let holdings = self.holdings_to_write(ask.tenant, wanted.customer).await?;
            if let Some(attached) = self.attached(&holdings, wanted.plan).await? {
                let answer = answer(&attached);
                return Ok((Decided { answer, ..Decided::default() }, holdings.now));
            }
            let beginning = self.beginning(&holdings, wanted).await?;
            self.can_be_credited(&holdings, &beginning.plans).await?;
            let (attached, puts) = begin(&holdings, &beginning, wanted)?;
            let commands = self.period_credits(&holdings, &attached.subscription, &ask.actor).await?;
            let answer = answer(&attached);
            Ok((Decided { puts, commands, answer }, holdings.now))
        })
        .await
    }

    /// What is sold, at what terms, to this customer.
    async fn beginning(&self, holdings: &Holdings, wanted: &Attach) -> Result<Beginning, BillingError> {
        let plan = self.sold(holdings.tenant, wanted.plan).await?;
        let (mut free, mut plans) = (plan.is_free(), vec![(plan.clone(), 1)]);
        for (at, add_on) in wanted.add_ons.iter().enumerate() {
            let added = self.sold(holdings.tenant, add_on.plan).await?;
            if added.code == plan.code || wanted.add_ons[..at].iter().any(|other| other.plan == add_on.plan) {
                return Err(BillingError::Invalid("an add-on is named once, and is not the plan itself"));
            }
            free &= added.is_free();
            plans.push((added, add_on.quantity));
        }
        let asked = wanted.trial_days.unwrap_or(plan.trial_days).min(plan.trial_days);
        let tried = holdings.subscriptions.iter().any(|row| has_tried(&row.value, &plan));
        let trial_days = if free || tried { 0 } else { asked };
        // What is tried out without a card is the plan: what is added to it and costs something is paid for.
        let added_free = free || wanted.add_ons.is_empty();
        let waits = !(free || (plan.trial_without_card && trial_days > 0 && added_free));
        Ok(Beginning { plans, trial_days, free, waits })
    }

    /// A plan's version that can be bought: the newest, unless it is archived.
    pub(super) async fn sold(&self, tenant: Id<Merchant>, id: Uuid) -> Result<Plan, BillingError> {
        let plan = self.plan_row(tenant, id).await?;
        match plan.status == PlanStatus::Active && plan.newest {
            true => Ok(plan),
            false => Err(BillingError::Invalid("the plan is not sold, or has a newer version")),
        }
    }

    pub(super) async fn plan_row(&self, tenant: Id<Merchant>, id: Uuid) -> Result<Plan, BillingError> {
        Ok(self.get::<Plan>(tenant, id).await?.ok_or(BillingError::NotFound(Kind::Plan))?.value)
    }

    async fn attached(&self, holdings: &Holdings, plan: Uuid) -> Result<Option<Attached>, BillingError> {
        let on = |row: &&super::Row<Subscription>| {
            row.value.plan == plan && (holdings.is_entitled(&row.value) || row.value.term.status == Status::Paused)
        };
        if let Some(row) = holdings.subscriptions.iter().find(on) {
            return Ok(Some(Attached { subscription: row.value.clone(), checkout: None }));
        }
        let name = format!("open:{}/{plan}", holdings.customer.value.id);
        let checkout = self.named::<Checkout>(holdings.tenant, &name).await?.map(|row| row.value);
        let Some(checkout) = checkout.filter(|checkout| holdings.now < checkout.expires_at) else { return Ok(None) };
        let waiting = holdings.subscriptions.iter().find(|row| row.value.id == checkout.subscription);
        Ok(waiting.map(|row| Attached { subscription: row.value.clone(), checkout: Some(checkout.clone()) }))
    }

    /// Completes a checkout with nothing to be paid at once: the customer has named the `method` for what is to come.
    ///
    /// # Errors
    /// [`BillingError::NotFound`]; [`BillingError::Invalid`] if it has expired, or waits for a payment. Repeating is harmless.
    pub async fn complete_checkout(
        &self,
        ask: &Ask,
        (id, method): (Uuid, Option<&str>),
        answer: impl Fn(&Subscription) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.decide(ask, || async {
            let row = self.get::<Checkout>(ask.tenant, id).await?.ok_or(BillingError::NotFound(Kind::Checkout))?;
            let held = self.get::<Subscription>(ask.tenant, row.value.subscription).await?;
            let held = held.ok_or(BillingError::NotFound(Kind::Subscription))?;
            let now = self.now(ask.tenant).await?;
            match row.value.state {
                CheckoutState::Completed => {
                    return Ok((Decided { answer: answer(&held.value), ..Decided::default() }, now));
                }
                CheckoutState::Open if row.value.due.is_some() => {
                    return Err(BillingError::Invalid("the checkout waits for a payment"));
                }
                CheckoutState::Open if now < row.value.expires_at => {}
                _ => return Err(BillingError::Invalid("the checkout has expired")),
            }
            let after = Checkout { method: method.map(str::to_owned), ..row.value.clone() };
            let (decided, subscription, now) = self.completion(ask.tenant, (&row, after), &ask.actor).await?;
            Ok((Decided { answer: answer(&subscription), ..decided }, now))
        })
        .await
    }

    /// What completes a checkout: its subscription begins, with the credits of its first period.
    pub(super) async fn completion(
        &self,
        tenant: Id<Merchant>,
        (row, after): (&Row<Checkout>, Checkout),
        actor: &Actor,
    ) -> Result<(Decided, Subscription, Timestamp), BillingError> {
        let held = self.get::<Subscription>(tenant, row.value.subscription).await?;
        let held = held.ok_or(BillingError::NotFound(Kind::Subscription))?;
        let holdings = self.holdings(tenant, row.value.customer).await?;
        let now = holdings.now;
        let term = Term { collection: Collection::OnFile, ..held.value.term };
        let term = begun(term, row.value.trial_days, now)?;
        let subscription = Subscription { term, plan_since: now, ..held.value.clone() };
        let checkout = Checkout { state: CheckoutState::Completed, ..after };
        let commands = self.period_credits(&holdings, &subscription, actor).await?;
        let puts = vec![
            Put::update(&held.with(subscription.clone()), "subscription_activated")?,
            Put::update(&row.with(checkout), "checkout_completed")?,
        ];
        Ok((Decided { puts, commands, ..Decided::default() }, subscription, now))
    }

    /// The credits that come with a subscription's current period, for the plan and what was added to it.
    pub(super) async fn period_credits(
        &self,
        holdings: &Holdings,
        subscription: &Subscription,
        actor: &Actor,
    ) -> Result<Vec<Command>, BillingError> {
        if !holdings.is_entitled(subscription) {
            return Ok(Vec::new());
        }
        let mut commands = Vec::new();
        let added = subscription.add_ons.iter().map(|add_on| (add_on.plan, add_on.quantity));
        for (id, quantity) in std::iter::once((subscription.plan, 1)).chain(added) {
            let plan = self.plan(holdings.tenant, id).await?;
            for (feature, amount) in in_credits(&plan, quantity) {
                let feature = self.get::<Feature>(holdings.tenant, feature).await?;
                let feature = feature.ok_or(BillingError::NotFound(Kind::Feature))?.value;
                match of_period(holdings, subscription, (id, &feature, amount), actor) {
                    Ok(command) => commands.push(command),
                    // The rest of the period begins all the same: nothing may keep time from going on.
                    Err(error) => {
                        tracing::error!(subscription = %subscription.id, %error, "a period's credits were not granted");
                    }
                }
            }
        }
        Ok(commands)
    }

    /// Refuses plans whose credits would have nowhere to go.
    async fn can_be_credited(&self, holdings: &Holdings, plans: &[(Plan, u32)]) -> Result<(), BillingError> {
        for (id, _) in plans.iter().flat_map(|(plan, quantity)| in_credits(plan, *quantity)) {
            if let Some(feature) = self.get::<Feature>(holdings.tenant, id).await? {
                holdings.account(&feature.value)?;
            }
        }
        Ok(())
    }
}

fn begun(term: Term, trial_days: u32, now: Timestamp) -> Result<Term, BillingError> {
    if trial_days == 0 {
        return Ok(term.activate(now)?);
    }
    Ok(term.start_trial(now, now.after(Duration::from_secs(u64::from(trial_days) * 86_400)))?)
}

/// Whether a customer has had the trial of a plan: one a product, or a plan that belongs to none.
fn has_tried(before: &Subscription, plan: &Plan) -> bool {
    let same = before.plan_code == plan.code || (plan.product.is_some() && before.product == plan.product);
    same && before.term.trial_end.is_some()
}

fn begin(holdings: &Holdings, beginning: &Beginning, wanted: &Attach) -> Result<(Attached, Vec<Put>), BillingError> {
    let &Beginning { ref plans, trial_days, free, waits } = beginning;
    let (plan, _) = plans.first().ok_or(BillingError::NotFound(Kind::Plan))?;
    let now = holdings.now;
    let collection = if free { Collection::Free } else { Collection::Missing };
    let pending = Term::pending(now, plan.interval(), collection);
    let subscription = Subscription {
        id: wanted.subscription,
        customer: wanted.customer,
        plan: plan.id,
        plan_code: plan.code.clone(),
        product: plan.product,
        term: if waits { pending } else { begun(pending, trial_days, now)? },
        generation: 0,
        plan_since: now,
        add_ons: wanted.add_ons.clone(),
        cancel_reason: None,
        cancel_feedback: None,
        provider_reference: None,
    };
    let mut puts = vec![Put::new(&subscription, "subscription_created")?];
    let mut checkout = None;
    if waits {
        let open = wanted.checkout.as_ref().ok_or(BillingError::Invalid("a checkout is needed"))?;
        if open.due.is_some() != (trial_days == 0 && plans.iter().any(|(plan, _)| plan.has_flat_price())) {
            return Err(BillingError::Invalid("the first period is paid for, unless it is tried out"));
        }
        let opened = opened(&subscription, open, (trial_days, now));
        puts.push(Put::new(&opened, "checkout_opened")?);
        checkout = Some(opened);
    }
    Ok((Attached { subscription, checkout }, puts))
}

fn opened(subscription: &Subscription, open: &OpenCheckout, (trial_days, now): (u32, Timestamp)) -> Checkout {
    Checkout {
        id: open.id,
        customer: subscription.customer,
        subscription: subscription.id,
        plan: subscription.plan,
        provider: open.provider.clone(),
        provider_reference: open.provider_reference.clone(),
        url: open.url.clone(),
        success_url: open.success_url.clone(),
        cancel_url: open.cancel_url.clone(),
        state: CheckoutState::Open,
        trial_days,
        expires_at: now.after(open.lifetime),
        due: open.due.clone(),
        attempt: None,
        attempts: 0,
        paid_by: None,
        method: None,
    }
}
