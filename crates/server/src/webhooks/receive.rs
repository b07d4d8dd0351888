//! `POST /webhooks/{provider}`.

use axum::{Json, body::Bytes, extract::State, http::HeaderMap};
use farebox_engine::payment::{Command, EventKey, ProviderEvent};
use farebox_providers::{About, Event};
use serde_json::{Value, json};

use crate::{
    http::{Problem, Segments},
    inbound_secrets,
    payments::Payments,
    refusal::Refusal,
};

/// Writes a verified event down, once. `payments` stands for the configured provider.
pub(crate) async fn receive(
    State(payments): State<Payments>,
    Segments(provider): Segments<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let name = (provider != "payments").then_some(provider.as_str());
    let rail = payments.rail(name).ok_or(Refusal::NoRoute)?;
    let now = payments.now();
    let (backend, own) = (payments.backend(), rail.provider.name());
    let mut secrets = inbound_secrets(payments.store(), backend.keyring(), payments.home(), own, now).await?;
    secrets.extend(rail.secrets.iter().cloned());
    let event = rail.provider.event(&headers, &body, &secrets, now).map_err(|forged| {
        tracing::warn!(%forged, provider = rail.provider.name(), "a webhook was turned away");
        Refusal::Forged { why: forged.to_string() }
    })?;
    let (our_id, provider_id) = names(&event);
    let row = ProviderEvent {
        key: EventKey { tenant: payments.home(), provider: rail.provider.name().to_owned(), id: event.id },
        kind: event.kind,
        our_id,
        provider_id,
        received_at: now,
        applied_at: None,
        next_try: Some(now),
        tries: 0,
    };
    payments.pay(Command::Arrive(Box::new(row))).await?;
    Ok(Json(json!({"received": true})))
}

/// Our id and the provider's of the payment that an event is about.
fn names(event: &Event) -> (Option<String>, Option<String>) {
    match &event.about {
        About::Payment(payment) => (payment.our_id.clone(), Some(payment.provider_id.clone())),
        About::Refunded { provider_id, .. } | About::Dispute { provider_id, .. } => (None, Some(provider_id.clone())),
        About::Refund(refund) => (None, refund.payment_provider_id.clone()),
        About::Look { our_id, provider_id } => (our_id.clone(), provider_id.clone()),
        About::Other => (None, None),
    }
}
