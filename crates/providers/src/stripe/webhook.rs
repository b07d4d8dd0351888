//! Stripe's webhooks: `Stripe-Signature` over the raw body, then the events that change a payment.

use farebox_types::{Secret, Timestamp};
use http::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    intent_of, refund_of,
    types::{Charge, DisputeObject, EventObject, Intent, RefundObject},
};
use crate::{
    event::{About, Event, Forged},
    payment::Dispute,
    signature::verify,
};

pub(super) fn read(headers: &HeaderMap, body: &[u8], secrets: &[Secret], now: Timestamp) -> Result<Event, Forged> {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    verify(signature, body, secrets, now)?;
    let event: EventObject = serde_json::from_slice(body).map_err(|_| Forged::Shape)?;
    let about = about(&event.kind, event.data.object);
    Ok(Event { about, created_seconds: event.created, id: event.id, kind: event.kind, signed: true })
}

/// An object that cannot be read is not acted on: the event is kept, and reconciliation asks.
fn about(kind: &str, object: Value) -> About {
    let read = match kind {
        _ if kind.starts_with("payment_intent.") => {
            as_read::<Intent>(object).map(|intent| About::Payment(Box::new(intent_of(intent))))
        }
        "charge.refunded" => as_read::<Charge>(object).and_then(|charge| {
            Some(About::Refunded { provider_id: charge.payment_intent?, refunded_minor: charge.amount_refunded })
        }),
        "charge.dispute.created" | "charge.dispute.closed" | "charge.dispute.updated" => {
            as_read::<DisputeObject>(object).and_then(|dispute| {
                let provider_id = dispute.payment_intent?;
                Some(About::Dispute { provider_id, dispute: dispute_of(&dispute.status)?, minor: dispute.amount })
            })
        }
        _ if kind.starts_with("refund.") || kind == "charge.refund.updated" => {
            as_read::<RefundObject>(object).map(|refund| About::Refund(refund_of(refund)))
        }
        _ => None,
    };
    read.unwrap_or(About::Other)
}

fn as_read<T: DeserializeOwned>(object: Value) -> Option<T> {
    serde_json::from_value(object).ok()
}

/// An inquiry is no dispute: it moves no money.
pub(super) fn dispute_of(status: &str) -> Option<Dispute> {
    match status {
        "won" => Some(Dispute::Won),
        "lost" => Some(Dispute::Lost),
        _ if status.starts_with("warning_") => None,
        _ => Some(Dispute::Open),
    }
}
