//! `POST /v1/attach`: what is free, or tried out without a card, begins at once; the rest after a checkout.

use std::time::Duration;

use farebox_api::{Attach, Attached, PaymentProvider, ProblemCode, Time};
use farebox_store::{
    Fault,
    billing::{AddOn, Attach as Wanted, Attached as Done, Awaited, Customer, Due, OpenCheckout, Plan, Row},
};
use uuid::Uuid;

use super::super::{
    checkout, customers,
    desk::{Desk, recalled},
    edge::{Call, Denial, Reply},
    redirect,
};

/// As long as card providers let a page stand.
const CHECKOUT_LIFETIME: Duration = Duration::from_secs(24 * 3600);
const LONGEST_TRIAL: u32 = 730;

pub(in crate::billing) async fn attach(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: Attach = call.body()?;
    if body.trial_period_days.is_some_and(|days| days > LONGEST_TRIAL) {
        return Err(Denial::member("/trial_period_days", "must be at most 730"));
    }
    if body.add_ons.iter().any(|add_on| !(1..=1000).contains(&add_on.quantity)) || body.add_ons.len() > 20 {
        return Err(Denial::member("/add_ons", "must be at most 20, of 1 to 1000 each"));
    }
    let plan = desk.find::<Plan>(call, body.plan_id, "plan").await?.value;
    if body.product_id.is_some_and(|product| plan.product != Some(product)) {
        return Err(Denial::member("/product_id", "is not the plan's product"));
    }
    let customer = customer(desk, call, &body).await?;
    let mut wanted = Wanted {
        subscription: Uuid::now_v7(),
        customer: customer.value.id,
        plan: plan.id,
        add_ons: body.add_ons.iter().map(|add_on| AddOn { plan: add_on.id, quantity: add_on.quantity }).collect(),
        trial_days: body.trial_period_days,
        checkout: None,
    };
    if let Some(awaited) = desk.billing.awaited(call.tenant, &wanted).await? {
        wanted.checkout = Some(opened(desk, call, &body, (&awaited, customer.value.id)).await?);
    }
    let answer = |done: &Done| shown(call, done).map(|reply| reply.stored()).unwrap_or_default();
    recalled(&desk.billing.attach(&call.ask(), &wanted, answer).await?)
}

async fn customer(desk: &Desk, call: &Call, body: &Attach) -> Result<Row<Customer>, Denial> {
    match (body.customer_id, &body.customer_email) {
        (Some(id), None) => desk.find(call, id, "customer").await,
        (None, Some(email)) => customers::resolve(desk, call, email, body.customer_name.as_deref()).await,
        _ => Err(Denial::member("/customer_id", "or customer_email must be given, and not both")),
    }
}

/// A page of ours, paid through the provider that this server is set up for.
async fn opened(
    desk: &Desk,
    call: &Call,
    body: &Attach,
    (awaited, customer): (&Awaited, Uuid),
) -> Result<OpenCheckout, Denial> {
    let due = due(awaited)?;
    let provider = provider(desk, call, body, due.is_some())?;
    let both = body.success_url.as_ref().zip(body.cancel_url.as_ref());
    let single = body.return_url.as_ref().map(|url| (url, url));
    let (success, cancel) = both.or(single).ok_or_else(|| {
        let detail = "this plan needs a checkout: give success_url and cancel_url, or return_url";
        Denial::new(ProblemCode::AttachReturnUrlRequired, detail)
    })?;
    let holdings = desk.billing.holdings(call.tenant, customer).await?;
    for url in [success, cancel] {
        redirect::allowed(url, call.mode, &desk.settings, &holdings.settings)?;
    }
    let id = Uuid::now_v7();
    let base = desk.settings.public_url.as_deref().unwrap_or_default();
    Ok(OpenCheckout {
        id,
        provider: provider.to_owned(),
        provider_reference: None,
        url: format!("{base}/checkout/{}", checkout::name(call.mode, call.tenant, id)),
        success_url: Some(success.clone()),
        cancel_url: Some(cancel.clone()),
        lifetime: CHECKOUT_LIFETIME,
        due,
    })
}

/// What the first period costs; nothing while it is tried out.
fn due(awaited: &Awaited) -> Result<Option<Due>, Denial> {
    if awaited.trial_days > 0 { Ok(None) } else { checkout::due(&awaited.plans) }
}

/// Who takes the payment.
fn provider(desk: &Desk, call: &Call, body: &Attach, pays: bool) -> Result<&'static str, Denial> {
    let none = || Denial::member("/payment_provider", "is not set up here: this server takes no payments");
    let own = desk.settings.payments.as_ref().ok_or_else(none)?.provider();
    let wanted = body.payment_provider.map(|provider| match provider {
        PaymentProvider::Stripe => "stripe",
        PaymentProvider::Toss => "toss",
        PaymentProvider::Sim => "sim",
    });
    if wanted.is_some_and(|wanted| wanted != own) {
        return Err(Denial::member("/payment_provider", format!("is not set up here: there is {own}")));
    }
    let refused = |why: String| Err(Denial::member("/payment_provider", why));
    if checkout::methods(own, call.mode, desk.settings.script.is_some()).is_none() {
        let key = if own == "toss" { "--toss-client-key" } else { "--stripe-publishable-key" };
        return refused(format!(
            "has no page here: {own} takes cards by its own script, for which this server needs {key}"
        ));
    }
    // A method that nothing is taken from yet can only be believed where there is no real money.
    if !pays && own != "sim" {
        return refused(format!("has no page here for a plan that costs nothing yet: {own} would be shown no payment"));
    }
    Ok(own)
}

fn shown(call: &Call, done: &Done) -> Result<Reply, Fault> {
    let checkout = done.checkout.as_ref();
    Reply::ok(&Attached {
        customer_id: done.subscription.customer,
        subscription_id: done.subscription.id,
        checkout_session_id: checkout.map(|checkout| checkout::name(call.mode, call.tenant, checkout.id)),
        checkout_url: checkout.map(|checkout| checkout.url.clone()),
        checkout_expires_at: checkout.map(|checkout| Time::from(checkout.expires_at)),
    })
}
