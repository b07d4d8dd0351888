//! Webhooks of `sim`: signed like Stripe's, under a name of their own.

use farebox_types::{Secret, Timestamp};
use http::HeaderMap;

use super::{
    client::{dispute_of, payment_of, refund_of},
    types::{SimEvent, SimObject},
};
use crate::{
    event::{About, Event, Forged},
    signature::verify,
};

/// The header that carries the signature.
pub(super) const SIGNATURE: &str = "sim-signature";

pub(super) fn read(headers: &HeaderMap, body: &[u8], secrets: &[Secret], now: Timestamp) -> Result<Event, Forged> {
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    verify(signature, body, secrets, now)?;
    let event: SimEvent = serde_json::from_slice(body).map_err(|_| Forged::Shape)?;
    let about = match event.data.object {
        SimObject::PaymentIntent(payment) => About::Payment(Box::new(payment_of(*payment))),
        SimObject::Refund(refund) => About::Refund(refund_of(refund)),
        SimObject::Dispute { payment_intent, status, amount } => {
            About::Dispute { provider_id: payment_intent, dispute: dispute_of(status), minor: amount }
        }
    };
    Ok(Event { about, created_seconds: Some(event.created), id: event.id, kind: event.kind, signed: true })
}
