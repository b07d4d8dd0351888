//! Toss Payments does not sign the webhooks of payments. So an event is only a reason to ask, and names whom to ask about.

use http::HeaderMap;
use sha2::{Digest, Sha256};

use super::types::EventObject;
use crate::event::{About, Event, Forged};

/// The header by which deliveries of one event are told from another event's.
const TRANSMISSION: &str = "tosspayments-webhook-transmission-id";
/// Longer ones are not Toss's.
const MAX_ID: usize = 200;

pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Event, Forged> {
    let event: EventObject = serde_json::from_slice(body).map_err(|_| Forged::Shape)?;
    let data = event.data.as_ref();
    let provider_id = data.and_then(|data| data.payment_key.clone());
    let our_id = data.and_then(|data| data.order_id.clone()).or_else(|| event.order_id.clone());
    // A deposit's event has no type of its own.
    let deposit = event.status.is_some().then(|| "DEPOSIT_CALLBACK".to_owned());
    let kind = event.event_type.or(deposit).ok_or(Forged::Shape)?;
    let about = match (&our_id, &provider_id) {
        (None, None) => About::Other,
        _ => About::Look { our_id, provider_id },
    };
    let transmission = headers.get(TRANSMISSION).and_then(|value| value.to_str().ok());
    let transmission = transmission.filter(|id| !id.is_empty() && id.len() <= MAX_ID);
    let id = transmission.map_or_else(|| hex::encode(Sha256::digest(body)), str::to_owned);
    Ok(Event { about, created_seconds: None, id, kind, signed: false })
}
