//! Subscriptions: begin, read, change, end.

use axum::response::{IntoResponse, Response};
use farebox_telemetry::paylera::SUBSCRIPTION_ID;
use serde::Deserialize;

use crate::{
    input::{ATTACH, CANCEL, Fields, Member, UPGRADE, is_segment, segment},
    problem::Refusal,
    relay::Relay,
    serve::Call,
    span,
    upstream::Ended,
};

/// What a subscription must be for its features to count.
const ENTITLED: [&str; 3] = ["trialing", "active", "past_due"];
/// A customer with more pages of subscriptions than this has none in force among the newest 500.
const PAGES: usize = 5;

#[derive(Deserialize)]
struct Subscription {
    id: String,
    status: String,
}

#[derive(Deserialize)]
struct Owned {
    customer_id: String,
}

#[derive(Deserialize)]
struct Subscriptions {
    data: Vec<Subscription>,
    next_cursor: Option<String>,
}

/// Without an id, and without auto-create, upstream finds or makes the customer by e-mail.
pub(crate) async fn attach(relay: &Relay, call: &Call<'_>) -> Result<Response, Ended> {
    let fields = Fields::read(&call.body, ATTACH)?;
    let identity = &call.identity;
    let (body, customer) = match &identity.email {
        Some(email) if identity.customer_id.is_none() && !relay.0.auto_create => {
            let email = ("customer_email", email.as_str());
            let name = identity.name.as_deref().map(|name| ("customer_name", name));
            let added: Vec<(&str, &str)> = [Some(email), name].into_iter().flatten().collect();
            (fields.with(&added), String::new())
        }
        _ => {
            let customer = relay.customer(identity).await?.id;
            (fields.with(&[("customer_id", &customer)]), customer)
        }
    };
    let _writing = relay.writing(&customer);
    Ok(relay.0.upstream.post("/v1/attach", body, &call.key()?).await?.into_response())
}

pub(crate) async fn entitlements(relay: &Relay, call: &Call<'_>) -> Result<Response, Ended> {
    let id = match &call.identity.subscription_id {
        Some(id) => id.clone(),
        None => {
            let customer = relay.customer(&call.identity).await?;
            newest_entitled(relay, &customer.id).await?
        }
    };
    let path = format!("/v1/subscriptions/{id}/entitlements");
    Ok(relay.0.upstream.get(&path).await?.into_response())
}

/// Lists are newest first.
async fn newest_entitled(relay: &Relay, customer: &str) -> Result<String, Ended> {
    let first = format!("/v1/customers/{customer}/subscriptions?limit=100");
    let mut path = first.clone();
    for _ in 0..PAGES {
        let page: Subscriptions = relay.0.upstream.get(&path).await?.read()?;
        let entitled = |subscription: &Subscription| ENTITLED.contains(&subscription.status.as_str());
        if let Some(subscription) = page.data.into_iter().find(entitled).filter(|found| is_segment(&found.id)) {
            return Ok(subscription.id);
        }
        let Some(cursor) = page.next_cursor else { break };
        let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
        path = format!("{first}&cursor={cursor}");
    }
    Err(Refusal::NoSubscription.into())
}

pub(crate) async fn upgrade(relay: &Relay, call: &Call<'_>, id: &str) -> Result<Response, Ended> {
    write(relay, call, id, UPGRADE, "change-plan").await
}

pub(crate) async fn cancel(relay: &Relay, call: &Call<'_>, id: &str) -> Result<Response, Ended> {
    write(relay, call, id, CANCEL, "cancel").await
}

/// Only to the caller's own subscription. Another one's is answered as one that does not exist, and nothing is written.
async fn write(relay: &Relay, call: &Call<'_>, id: &str, known: &[Member], verb: &str) -> Result<Response, Ended> {
    let id = segment(id)?;
    span::note(SUBSCRIPTION_ID, Some(id));
    let fields = Fields::read(&call.body, known)?;
    let customer = relay.customer(&call.identity).await?;
    let shown = relay.0.upstream.get(&format!("/v1/subscriptions/{id}")).await?;
    if shown.status == 404 || shown.read::<Owned>()?.customer_id != customer.id {
        return Err(Refusal::NotFound.into());
    }
    let path = format!("/v1/subscriptions/{id}/{verb}");
    let _writing = (relay.writing(&customer.id), relay.writing(id));
    Ok(relay.0.upstream.post(&path, fields.with(&[]), &call.key()?).await?.into_response())
}
