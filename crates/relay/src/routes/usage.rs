//! May they, and what did they use.

use axum::response::{IntoResponse, Response};
use farebox_telemetry::paylera::FEATURE_CODE;

use crate::{
    identity::CustomerIdentity,
    input::{CHECK, Fields, TRACK, check_body},
    memory::Recalled,
    problem::{BadField, Refusal},
    relay::Relay,
    serve::Call,
    span,
    upstream::Ended,
};

pub(crate) async fn check(relay: &Relay, call: &Call<'_>) -> Result<Response, Ended> {
    ask(relay, call, &Fields::read(&call.body, CHECK)?).await
}

pub(crate) async fn check_get(relay: &Relay, call: &Call<'_>) -> Result<Response, Ended> {
    let body = check_body(call.head.uri.query())?;
    ask(relay, call, &Fields::read(&body, CHECK)?).await
}

async fn ask(relay: &Relay, call: &Call<'_>, fields: &Fields<'_>) -> Result<Response, Ended> {
    span::note(FEATURE_CODE, fields.text("feature_code").as_deref());
    let (name, id) = subject(relay, &call.identity).await?;
    let body = fields.with(&[(name, &id)]);
    // Under a key of its own, a repeat is upstream's to answer.
    let memory = relay.0.memory.as_ref().filter(|_| call.key.is_none());
    let feature = fields.text("feature_code").unwrap_or_default();
    let asking = match memory.and_then(|memory| memory.recall(&id, &body, &feature)) {
        Some(Recalled::Known(answer)) => return Ok(answer.into_response()),
        Some(Recalled::Asking(asking)) => Some(asking),
        None => None,
    };
    let asking = asking.map(|asking| (asking, body.clone()));
    let answer = relay.0.upstream.post("/v1/check", body, &call.key()?).await?;
    if let Some((asking, question)) = asking {
        asking.answered(question, &feature, &answer);
    }
    Ok(answer.into_response())
}

pub(crate) async fn track(relay: &Relay, call: &Call<'_>) -> Result<Response, Ended> {
    let fields = Fields::read(&call.body, TRACK)?;
    span::note(FEATURE_CODE, fields.text("feature_code").as_deref());
    if let Some(open) = &relay.0.trackable {
        let missing = || BadField::new("feature_code", "required", "must be a text");
        let feature = fields.text("feature_code").ok_or_else(missing).map_err(Refusal::from)?;
        if !open.contains(feature.as_ref()) {
            return Err(Refusal::FeatureNotOpen.into());
        }
    }
    let key = match (&call.key, fields.text("dedup_key")) {
        (None, Some(key)) => key.parse().map_err(|_| Refusal::BadIdempotencyKey)?,
        _ => call.key()?,
    };
    let (name, id) = subject(relay, &call.identity).await?;
    let _writing = relay.writing(&id);
    let answer = relay.0.upstream.post("/v1/track", fields.with(&[(name, &id)]), &key).await?;
    Ok(answer.into_response())
}

/// Whose balance it is: the customer's; a subscription's if the app names one and knows no customer.
async fn subject(relay: &Relay, identity: &CustomerIdentity) -> Result<(&'static str, String), Ended> {
    match &identity.subscription_id {
        Some(subscription) if identity.customer_id.is_none() => Ok(("subscription_id", subscription.clone())),
        _ => Ok(("customer_id", relay.customer(identity).await?.id)),
    }
}
