//! Requests as the payments service makes them.

use std::time::Duration;

use farebox_providers::{
    Cancel, Capture, CaptureMode, Confirm, Create, Outcome, ProviderPayment, Refund, Refusal, Whose,
};
use farebox_types::Timestamp;
use uuid::Uuid;

/// Long enough for a loaded machine, short enough for a test that waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1_500);

pub(crate) fn fresh_id() -> String {
    format!("pay_{}", Uuid::now_v7().simple())
}

pub(crate) fn create(our_id: &str, minor: i64, method: &str) -> Create {
    Create {
        our_id: our_id.to_owned(),
        idempotency_key: format!("{our_id}:create"),
        customer_id: "cust_123".to_owned(),
        minor,
        currency: "USD".to_owned(),
        method: method.to_owned(),
        capture: CaptureMode::Automatic,
        description: None,
        return_url: None,
    }
}

pub(crate) fn manual(our_id: &str, minor: i64, method: &str) -> Create {
    Create { capture: CaptureMode::Manual, ..create(our_id, minor, method) }
}

/// By our id alone: what is known after an answer was lost.
pub(crate) fn whose(our_id: &str) -> Whose {
    Whose { our_id: our_id.to_owned(), provider_id: None, created: Timestamp::from_seconds(1_600_000_000) }
}

pub(crate) fn of(payment: &ProviderPayment) -> Whose {
    let our_id = payment.our_id.clone().unwrap();
    Whose { provider_id: Some(payment.provider_id.clone()), ..whose(&our_id) }
}

pub(crate) fn confirm(whose: Whose, minor: i64, currency: &str, token: Option<&str>) -> Confirm {
    let idempotency_key = format!("{}:confirm", whose.our_id);
    Confirm { whose, idempotency_key, token: token.map(str::to_owned), minor, currency: currency.to_owned() }
}

pub(crate) fn capture(whose: Whose, minor: i64) -> Capture {
    let idempotency_key = format!("{}:capture", whose.our_id);
    Capture { whose, idempotency_key, minor }
}

pub(crate) fn cancel(whose: Whose) -> Cancel {
    let idempotency_key = format!("{}:cancel", whose.our_id);
    Cancel { whose, idempotency_key }
}

pub(crate) fn refund(whose: Whose, our_refund: &str, minor: i64) -> Refund {
    Refund {
        whose,
        our_refund: our_refund.to_owned(),
        idempotency_key: our_refund.to_owned(),
        minor,
        currency: "USD".to_owned(),
        reason: None,
    }
}

pub(crate) fn seen<T: std::fmt::Debug>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Seen(seen) => seen,
        other => panic!("not seen: {other:?}"),
    }
}

pub(crate) fn refused<T: std::fmt::Debug>(outcome: Outcome<T>) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}
