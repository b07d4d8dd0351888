//! What is sent: the body of verify, settle and release.

use std::time::Duration;

use bytes::Bytes;
use farebox_types::Quantity;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{Hold, Payment, credits::HoldRequest};

/// One of the calls about a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Verify,
    Settle,
    Release,
}

impl Call {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Settle => "settle",
            Self::Release => "release",
        }
    }
}

/// What the calls differ in.
#[derive(Debug, Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Terms<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<HoldRequest>,
}

impl<'a> Terms<'a> {
    pub(super) fn verify(hold: Option<Hold>) -> Self {
        Self { hold: hold.map(|hold| HoldRequest { ttl_seconds: whole_seconds(hold.ttl) }), ..Self::default() }
    }

    pub(super) fn of(request_id: &'a str) -> Self {
        Self { agent_request_id: Some(request_id), ..Self::default() }
    }
}

/// [`crate::credits::PaymentCall`] as it is written: the offer's JSON is copied, never written anew.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PaymentCallRef<'a> {
    payment_required: &'a RawValue,
    x402_access_token: &'a str,
    max_amount: String,
    #[serde(flatten)]
    terms: Terms<'a>,
}

/// The JSON body, in one buffer.
pub(super) fn body(payment: &Payment, amount: Quantity, terms: Terms<'_>) -> Bytes {
    let offer = payment.required.json();
    let call = PaymentCallRef {
        payment_required: offer,
        x402_access_token: &payment.token,
        max_amount: amount.to_string(),
        terms,
    };
    let mut json = Vec::with_capacity(offer.get().len() + payment.token.len() + ROOM_FOR_THE_REST);
    match serde_json::to_writer(&mut json, &call) {
        Ok(()) => json.into(),
        Err(_) => Bytes::new(),
    }
}

const ROOM_FOR_THE_REST: usize = 192;

/// At least the asked time, within what the wire allows: 1 to 86 400 seconds.
fn whole_seconds(ttl: Duration) -> u32 {
    let up = ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0));
    u32::try_from(up).unwrap_or(u32::MAX).clamp(1, 86_400)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Offer, PaymentRequired, credits::PaymentCall};

    fn one_and_a_half() -> Quantity {
        Quantity::from_micros(1_500_000).unwrap()
    }

    fn payment(token: &str) -> Payment {
        let required: PaymentRequired = serde_json::from_str(
            r#"{"x402Version":2,"resource":{"url":"/joke"},
                "accepts":[{"scheme":"nvm:erc4337","network":"eip155:84532","planId":"7"}]}"#,
        )
        .unwrap();
        Payment::credits(token.into(), Arc::new(Offer::new(required)), one_and_a_half())
    }

    #[test]
    fn the_body_reads_back_as_the_shared_wire_type() {
        let payment = payment("a\"b\\c");
        let hold = Hold { ttl: Duration::from_millis(1_001) };
        let verify: PaymentCall =
            serde_json::from_slice(&body(&payment, one_and_a_half(), Terms::verify(Some(hold)))).unwrap();
        assert_eq!(verify.payment_required, **payment.required);
        assert_eq!(verify.x402_access_token, "a\"b\\c");
        assert_eq!(verify.max_amount.as_deref(), Some("1.5"));
        assert_eq!(verify.hold, Some(HoldRequest { ttl_seconds: 2 }));
        assert_eq!(verify.agent_request_id, None);

        let settle: PaymentCall = serde_json::from_slice(&body(&payment, one_and_a_half(), Terms::of("r-1"))).unwrap();
        assert_eq!(settle.agent_request_id.as_deref(), Some("r-1"));
        assert_eq!(settle.hold, None);
    }

    #[test]
    fn a_hold_is_never_shorter_than_asked_nor_longer_than_the_wire_allows() {
        for (ttl, seconds) in [
            (Duration::ZERO, 1),
            (Duration::from_secs(5), 5),
            (Duration::from_nanos(5_000_000_001), 6),
            (Duration::MAX, 86_400),
        ] {
            assert_eq!(whole_seconds(ttl), seconds, "{ttl:?}");
        }
    }
}
