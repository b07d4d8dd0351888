//! Beginning, changing and ending subscriptions.

use farebox_api::{
    AddOn, Attach, Attached, BillingCycleAnchor, Cancel, ChangePlan, Entitlements, Invoice, Nothing, PaymentProvider,
    ProrationBehavior, Subscription,
};
use uuid::Uuid;

use crate::{
    call::Call,
    client::Client,
    operation::{ATTACH, CANCEL, CHANGE_PLAN, GET_ENTITLEMENTS, GET_SUBSCRIPTION, Operation, PAUSE, RESUME, UNCANCEL},
    watch::About,
};

/// Subscriptions.
#[derive(Debug, Clone, Copy)]
pub struct Subscriptions<'a>(pub(super) &'a Client);

/// Who attaches a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Buyer {
    /// A customer.
    Customer(Uuid),
    /// Whoever has this e-mail; a customer is made if there is none.
    Email {
        /// The e-mail.
        email: String,
        /// Of a customer that is made.
        name: Option<String>,
    },
}

fn about(id: Uuid) -> About {
    About { subscription: Some(id), ..About::default() }
}

impl Client {
    /// Starts a subscription: at once if the plan is free or tried out first, else after the checkout in the answer.
    ///
    /// ```no_run
    /// use farebox_client::{Buyer, Client};
    ///
    /// # async fn attach(client: Client, customer: uuid::Uuid, plan: uuid::Uuid) -> Result<(), farebox_client::Error> {
    /// let attached = client.attach(Buyer::Customer(customer), plan).return_url("https://app.example/welcome").await?;
    /// match attached.checkout_url {
    ///     Some(url) => println!("pay at {url}"),
    ///     None => println!("{} has begun", attached.subscription_id),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn attach(&self, buyer: Buyer, plan_id: Uuid) -> Call<Attach, Attached> {
        let (customer_id, customer_email, customer_name) = match buyer {
            Buyer::Customer(id) => (Some(id), None, None),
            Buyer::Email { email, name } => (None, Some(email), name),
        };
        let body = Attach {
            customer_id,
            customer_email,
            customer_name,
            plan_id,
            payment_provider: None,
            product_id: None,
            success_url: None,
            cancel_url: None,
            return_url: None,
            trial_period_days: None,
            add_ons: Vec::new(),
        };
        let about = About { customer: customer_id, ..About::default() };
        Call::new(self, &ATTACH, ATTACH.path(&[]), body).about(about)
    }
}

impl Subscriptions<'_> {
    /// Reads a subscription.
    pub fn get(self, id: Uuid) -> Call<(), Subscription> {
        Call::new(self.0, &GET_SUBSCRIPTION, GET_SUBSCRIPTION.path(&[&id]), ()).about(about(id))
    }

    /// Everything it gives.
    pub fn entitlements(self, id: Uuid) -> Call<(), Entitlements> {
        Call::new(self.0, &GET_ENTITLEMENTS, GET_ENTITLEMENTS.path(&[&id]), ()).about(about(id))
    }

    /// Changes its plan, up or down.
    pub fn change_plan(self, id: Uuid, new_plan_id: Uuid) -> Call<ChangePlan, Subscription> {
        let body = ChangePlan { new_plan_id, proration_behavior: None, billing_cycle_anchor: None };
        Call::new(self.0, &CHANGE_PLAN, CHANGE_PLAN.path(&[&id]), body).about(about(id))
    }

    /// Ends it, with its period unless told otherwise.
    pub fn cancel(self, id: Uuid) -> Call<Cancel, Subscription> {
        Call::new(self.0, &CANCEL, CANCEL.path(&[&id]), Cancel::default()).about(about(id))
    }

    /// Takes back an end that has not come.
    pub fn uncancel(self, id: Uuid) -> Call<Nothing, Subscription> {
        self.turn(&UNCANCEL, id)
    }

    /// Puts it to rest: it gives nothing.
    pub fn pause(self, id: Uuid) -> Call<Nothing, Subscription> {
        self.turn(&PAUSE, id)
    }

    /// Wakes it.
    pub fn resume(self, id: Uuid) -> Call<Nothing, Subscription> {
        self.turn(&RESUME, id)
    }

    fn turn(self, operation: &'static Operation, id: Uuid) -> Call<Nothing, Subscription> {
        Call::new(self.0, operation, operation.path(&[&id]), Nothing {}).about(about(id))
    }
}

impl Call<Attach, Attached> {
    /// Through whom it is paid; the merchant's own choice unless said.
    pub const fn payment_provider(mut self, provider: PaymentProvider) -> Self {
        self.body.payment_provider = Some(provider);
        self
    }

    /// The product that the plan must belong to.
    pub const fn product(mut self, id: Uuid) -> Self {
        self.body.product_id = Some(id);
        self
    }

    /// Where a paid checkout leads, and one that was left.
    pub fn success_and_cancel_url(mut self, success: impl Into<String>, cancel: impl Into<String>) -> Self {
        self.body.success_url = Some(success.into());
        self.body.cancel_url = Some(cancel.into());
        self
    }

    /// Where both lead.
    pub fn return_url(mut self, url: impl Into<String>) -> Self {
        self.body.return_url = Some(url.into());
        self
    }

    /// In place of the plan's, 0 to 730.
    pub const fn trial_period_days(mut self, days: u32) -> Self {
        self.body.trial_period_days = Some(days);
        self
    }

    /// One more thing that comes with it.
    pub fn add_on(mut self, id: Uuid, quantity: u32) -> Self {
        self.body.add_ons.push(AddOn { id, quantity });
        self
    }
}

impl<T> Call<ChangePlan, T> {
    /// What becomes of the period that runs.
    pub const fn proration_behavior(mut self, behavior: ProrationBehavior) -> Self {
        self.body.proration_behavior = Some(behavior);
        self
    }

    /// Whether a new period begins.
    pub const fn billing_cycle_anchor(mut self, anchor: BillingCycleAnchor) -> Self {
        self.body.billing_cycle_anchor = Some(anchor);
        self
    }
}

impl Call<ChangePlan, Subscription> {
    /// Changes nothing, and answers the invoice that the change would make.
    pub fn preview(self) -> Call<ChangePlan, Invoice> {
        self.map_path(|path| format!("{path}?preview=true")).answering()
    }
}

impl Call<Cancel, Subscription> {
    /// At once, not with the period.
    pub const fn at_once(mut self) -> Self {
        self.body.at_period_end = false;
        self
    }

    /// Why.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.body.reason = Some(reason.into());
        self
    }

    /// In the customer's words.
    pub fn feedback(mut self, feedback: impl Into<String>) -> Self {
        self.body.feedback = Some(feedback.into());
        self
    }
}
