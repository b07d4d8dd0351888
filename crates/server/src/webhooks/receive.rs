//! `POST /webhooks/{provider}`.

use axum::{Json, extract::State, http::HeaderMap};
use farebox_engine::payment::{Command, EventKey, ProviderEvent};
use farebox_providers::{About, Event};
use farebox_store::Fault;
use farebox_types::Timestamp;
use serde_json::{Value, json};

use crate::{
    http::{Problem, Raw, Segments},
    inbound_secrets,
    payments::{Payments, our_id as our_id_of, read_our_id},
    refusal::Refusal,
};

/// Writes a verified event down, once. `payments` stands for the configured provider.
pub(crate) async fn receive(
    State(payments): State<Payments>,
    Segments(provider): Segments<String>,
    headers: HeaderMap,
    Raw(body): Raw,
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
    if [&event.id, &event.kind].into_iter().any(|text| text.contains(char::is_control)) {
        return Err(Refusal::Forged { why: "the webhook is not an event".to_owned() }.into());
    }
    let own = own.to_owned();
    if let Some(command) = command(&payments, own, event, now).await? {
        payments.pay(command).await?;
    }
    Ok(Json(json!({"received": true})))
}

/// What is written of an event. One that nobody has signed may come from anybody, as often as they like: it is a reason to look
/// at a payment of ours, one row for each however many come, and what names none is not kept.
async fn command(
    payments: &Payments,
    provider: String,
    event: Event,
    now: Timestamp,
) -> Result<Option<Command>, Fault> {
    let (mut our_id, mut provider_id) = names(&event);
    let mut key = EventKey { tenant: payments.home(), provider, id: event.id };
    if !event.signed {
        let Some((tenant, id)) = our_id.as_deref().and_then(read_our_id) else { return Ok(None) };
        let row = payments.store().payment(tenant, id).await?;
        let Some(row) = row.filter(|row| row.provider == key.provider) else { return Ok(None) };
        let ours = our_id_of(row.tenant, row.id);
        key.id = format!("look/{ours}");
        (our_id, provider_id) = (Some(ours), None);
    }
    let kind = if event.signed { event.kind } else { "unsigned".to_owned() };
    let (received_at, next_try) = (now, Some(now));
    let row = ProviderEvent { key, kind, our_id, provider_id, received_at, applied_at: None, next_try, tries: 0 };
    Ok(Some(if event.signed { Command::Arrive(Box::new(row)) } else { Command::Remind(Box::new(row)) }))
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
