//! Beginning a subscription: at once, or after a checkout.

use std::time::Duration;

use farebox_engine::{
    ledger::{Actor, Command},
    subscription::{Collection, Term},
};
use farebox_types::{Id, Merchant, Timestamp};
use uuid::Uuid;

use super::{
    AddOn, Ask, Billing, BillingError, Checkout, CheckoutState, Done, Due, Holdings, Kind, Plan, PlanStatus, Put, Row,
    Subscription, ask::Decided,
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
    /// How long it may be tried out; the plan's own word, if none.
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

impl Billing {
    /// Whether attaching to a plan needs a checkout first: it is neither free nor may be tried out without a card.
    #[must_use]
    pub fn needs_checkout(plan: &Plan, trial_days: Option<u32>) -> bool {
        let tried_out = plan.trial_without_card && trial_days.unwrap_or(plan.trial_days) > 0;
        !(plan.is_free() || tried_out)
    }

    /// Attaches a customer to a plan. Who is on it already stays on it, and a checkout that is open for it is given again.
    ///
    /// # Errors
    /// [`BillingError::NotFound`] for customer or plan; [`BillingError::Invalid`] if the plan is not sold, or a checkout is
    /// needed and none is given.
    pub async fn attach(
        &self,
        ask: &Ask,
        wanted: &Attach,
        answer: impl Fn(&Attached) -> String + Send + Sync,
    ) -> Result<Done, BillingError> {
        self.decide(ask, || async {
            let plan = self.plan_row(ask.tenant, wanted.plan).await?;
            let holdings = self.holdings_to_write(ask.tenant, wanted.customer).await?;
            if let Some(attached) = self.attached(&holdings, wanted.plan).await? {
                let answer = answer(&attached);
                return Ok((Decided { answer, ..Decided::default() }, holdings.now));
            }
            if plan.status != PlanStatus::Active {
                return Err(BillingError::Invalid("the plan is not sold"));
            }
            for add_on in &wanted.add_ons {
                self.plan_row(ask.tenant, add_on.plan).await?;
            }
            let (attached, puts) = begin(&holdings, &plan, wanted)?;
            let commands = self.period_credits(&holdings, &attached.subscription, &ask.actor).await?;
            let answer = answer(&attached);
            Ok((Decided { puts, commands, answer }, holdings.now))
        })
        .await
    }

    pub(super) async fn plan_row(&self, tenant: Id<Merchant>, id: Uuid) -> Result<Plan, BillingError> {
        Ok(self.get::<Plan>(tenant, id).await?.ok_or(BillingError::NotFound(Kind::Plan))?.value)
    }

    async fn attached(&self, holdings: &Holdings, plan: Uuid) -> Result<Option<Attached>, BillingError> {
        let entitled = |row: &&super::Row<Subscription>| row.value.plan == plan && holdings.is_entitled(&row.value);
        if let Some(row) = holdings.subscriptions.iter().find(entitled) {
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
            commands.extend(super::credit::of_period(holdings, subscription, (&plan, quantity), actor));
        }
        Ok(commands)
    }
}

fn begun(term: Term, trial_days: u32, now: Timestamp) -> Result<Term, BillingError> {
    if trial_days == 0 {
        return Ok(term.activate(now)?);
    }
    Ok(term.start_trial(now, now.after(Duration::from_secs(u64::from(trial_days) * 86_400)))?)
}

fn begin(holdings: &Holdings, plan: &Plan, wanted: &Attach) -> Result<(Attached, Vec<Put>), BillingError> {
    let now = holdings.now;
    let trial_days = if plan.is_free() { 0 } else { wanted.trial_days.unwrap_or(plan.trial_days) };
    let collection = if plan.is_free() { Collection::Free } else { Collection::Missing };
    let pending = Term::pending(now, plan.interval(), collection);
    let waits = Billing::needs_checkout(plan, wanted.trial_days);
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
