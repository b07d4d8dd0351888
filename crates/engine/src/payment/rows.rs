//! Payments, refunds, callers' requests and providers' events, as rows.

use std::fmt;

use farebox_types::{Id, Merchant, Money, Payment as PaymentKind, Refund as RefundKind, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::State;

/// A payment. Amounts are minor units of its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// Our id.
    pub id: Id<PaymentKind>,
    /// The merchant's customer.
    pub customer_id: String,
    /// Whose rail it is on: `sim`, `stripe`, `toss`.
    pub provider: String,
    /// The provider's id, once it is known.
    pub provider_id: Option<String>,
    /// What was asked for.
    pub money: Money,
    /// What was taken, refunds not subtracted.
    pub captured: i64,
    /// What refunds have paid back.
    pub refunded: i64,
    /// What refunds under way will pay back.
    pub refunding: i64,
    /// Where it stands.
    pub state: State,
    /// When the provider is to be asked next; `None` when there is nothing to ask.
    pub next_check: Option<Timestamp>,
    /// How many entries its trail has, and the hash of the last.
    pub trail: (i64, [u8; 32]),
    /// Everything else.
    pub details: Details,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What nothing is looked up by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Details {
    /// The provider's id of the card or method.
    pub method: String,
    /// Authorize now, capture later.
    pub manual_capture: bool,
    /// For the payer's statement.
    pub description: Option<String>,
    /// Where the payer's browser returns to.
    pub return_url: Option<String>,
    /// The caller's own, a JSON object.
    pub metadata: Option<String>,
    /// The call that is under way, or whose end is not known.
    pub pending: Option<Call>,
    /// Further calls asked for so far: the number of the one that is under way. The first call, which takes the payment, is 0.
    #[serde(default)]
    pub calls: u32,
    /// Times the provider was asked in vain since the last change.
    pub checks: u32,
    /// What the payer must do.
    pub action: Option<Action>,
    /// The payer's browser has been given something to act with, at some time: it may go on with it for as long as the provider
    /// lets it.
    #[serde(default)]
    pub handed_out: bool,
    /// Why it failed.
    pub refusal: Option<Refused>,
    /// What it is collected for, where our own billing asked for it.
    #[serde(default)]
    pub collects: Option<Collects>,
    /// Its disputes, oldest first; only the last may be open.
    pub disputes: Vec<DisputeRow>,
    /// Refunds that had paid back and whose money came back from the payer's bank.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub returned: Vec<Uuid>,
}

/// What of the billing server's a payment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Collects {
    /// A checkout's first payment.
    Checkout(Uuid),
}

/// A write at the provider.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Call {
    /// Take the payment.
    Create,
    /// Go on after the payer has acted, with what the browser brought.
    Confirm(Option<String>),
    /// Take this much of what was authorized.
    Capture(i64),
    /// Give it up.
    Cancel,
}

/// Without what the browser brought.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capture(minor) => write!(f, "capture({minor})"),
            other => f.write_str(other.word()),
        }
    }
}

impl Call {
    /// The trail's word for it, and the beginning of its idempotency key.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Confirm(_) => "confirm",
            Self::Capture(_) => "capture",
            Self::Cancel => "cancel",
        }
    }
}

/// What the payer must do.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// `redirect`, `client`, `widget`.
    pub kind: String,
    /// Where the payer's browser must go.
    pub url: Option<String>,
    /// For the provider's script in the payer's browser.
    pub client_secret: Option<String>,
}

/// Without what a page can pay with.
impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Why a provider refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The provider's code.
    pub code: String,
    /// The issuer's reason, where there is one.
    pub decline_code: Option<String>,
    /// One sentence.
    pub message: String,
}

/// A dispute's money and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeRow {
    /// What was withheld.
    pub minor: i64,
    /// Who won, once it is over.
    pub won: Option<bool>,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundState {
    /// Under way, or its end is not known.
    Pending,
    /// Paid back.
    Succeeded,
    /// Did not happen.
    Failed,
}

impl RefundState {
    /// The word storage and the wire keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    /// The state of this word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        [Self::Pending, Self::Succeeded, Self::Failed].into_iter().find(|state| state.as_str() == word)
    }
}

/// Money of a payment that goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// Our id.
    pub id: Id<RefundKind>,
    /// Whose money.
    pub payment: Id<PaymentKind>,
    /// How much, above zero.
    pub minor: i64,
    /// Where it stands.
    pub state: RefundState,
    /// The provider's id.
    pub provider_id: Option<String>,
    /// For the payer.
    pub reason: Option<String>,
    /// Why it failed: the provider's code.
    pub failure: Option<String>,
    /// When the provider is to be asked next.
    pub next_check: Option<Timestamp>,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Whether a call's outcome is known: until then its request has no answer that could be kept.
#[must_use]
pub fn is_known(payment: &Payment, refund: Option<&Refund>) -> bool {
    match refund {
        Some(refund) => refund.state != RefundState::Pending,
        None => payment.details.pending.is_none() && payment.state != State::Processing,
    }
}

/// A caller's request under a name of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// What kind of write, on what: names count within it.
    pub scope: String,
    /// The caller's idempotency key.
    pub key: String,
    /// SHA-256 of the request.
    pub hash: [u8; 32],
    /// The payment it is about.
    pub payment: Id<PaymentKind>,
    /// The refund it made, if it made one.
    pub refund: Option<Id<RefundKind>>,
    /// Status and body of its answer, once it was given.
    pub answer: Option<(i16, String)>,
    /// When it came.
    pub created_at: Timestamp,
}

/// Without the answer's body.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Request");
        shown.field("scope", &self.scope).field("key", &self.key).field("payment", &self.payment);
        shown.field("answered", &self.answer.as_ref().map(|(status, _)| status)).finish_non_exhaustive()
    }
}

/// An entry of a payment's trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailEntry {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// Which payment.
    pub payment: Id<PaymentKind>,
    /// From 1.
    pub seq: i64,
    /// What happened: a fixed word.
    pub kind: String,
    /// Who: a token's id, `worker`, `provider:sim`.
    pub actor: String,
    /// The state before.
    pub before: String,
    /// The state after.
    pub after: String,
    /// More, a JSON object.
    pub detail: String,
    /// When.
    pub at: Timestamp,
    /// Ties it to the entry before it.
    pub hash: [u8; 32],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_payer_pays_with_is_not_printed() {
        let secret = || Some("s3cret".to_owned());
        let action = Action { kind: "client".to_owned(), url: secret(), client_secret: secret() };
        let details = Details { action: Some(action), pending: Some(Call::Confirm(secret())), ..Details::default() };
        let printed = format!("{details:?}");
        assert!(printed.contains("client") && printed.contains("confirm") && !printed.contains("s3cret"), "{printed}");
    }
}
