//! What goes over the wire between the simulated provider and its client, and into its journal.

use serde::{Deserialize, Serialize};

/// A write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Take a payment.
    Create(NewPayment),
    /// Go on after the payer has acted.
    Confirm {
        /// Which payment.
        payment: String,
    },
    /// Take an authorized payment's money.
    Capture {
        /// Which payment.
        payment: String,
        /// Minor units.
        minor: i64,
    },
    /// Give a payment up.
    Cancel {
        /// Which payment.
        payment: String,
    },
    /// Pay back.
    Refund {
        /// Which payment.
        payment: String,
        /// The caller's id of the refund.
        our_refund: String,
        /// Minor units.
        minor: i64,
    },
}

/// A payment to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPayment {
    /// The caller's id of the payment.
    pub our_id: String,
    /// The merchant's customer.
    pub customer_id: String,
    /// Minor units.
    pub minor: i64,
    /// ISO 4217, upper case.
    pub currency: String,
    /// A method id or a card number of `GET /v1/sim/methods`.
    pub method: String,
    /// Authorize only.
    #[serde(default)]
    pub manual_capture: bool,
    /// Where the hosted page sends the payer back to.
    #[serde(default)]
    pub return_url: Option<String>,
}

/// How a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SimState {
    /// The payer must act on the hosted page.
    RequiresAction,
    /// Decided later.
    Processing,
    /// Authorized.
    RequiresCapture,
    /// Paid.
    Succeeded,
    /// Declined.
    Failed,
    /// Given up.
    Canceled,
}

/// A dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SimDispute {
    /// Open.
    Open,
    /// The merchant keeps the money.
    Won,
    /// The payer has it back.
    Lost,
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimPayment {
    /// `pi_sim_…`.
    pub id: String,
    /// The caller's id.
    pub our_id: String,
    /// The merchant's customer.
    pub customer_id: String,
    /// Asked for, in minor units.
    pub minor: i64,
    /// ISO 4217.
    pub currency: String,
    /// Of which method.
    pub method: String,
    /// Authorize only.
    pub manual_capture: bool,
    /// How it stands.
    pub state: SimState,
    /// Taken, in minor units.
    pub captured_minor: i64,
    /// Paid back, in minor units.
    pub refunded_minor: i64,
    /// The hosted page, while the payer must act.
    pub action_url: Option<String>,
    /// Where the hosted page sends the payer back to.
    pub return_url: Option<String>,
    /// Why it failed.
    pub error: Option<SimError>,
    /// Whether it is disputed.
    pub dispute: Option<SimDispute>,
    /// How much of it is.
    #[serde(default)]
    pub disputed_minor: i64,
    /// Seconds since 1970.
    pub created: i64,
    /// When a payment in `processing` is decided, in microseconds since 1970.
    pub decided_at: Option<i64>,
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimRefund {
    /// `re_sim_…`.
    pub id: String,
    /// The caller's id.
    pub our_refund: String,
    /// Of which payment.
    pub payment: String,
    /// Minor units.
    pub minor: i64,
    /// Seconds since 1970.
    pub created: i64,
    /// The payer's bank has sent the money back.
    #[serde(default)]
    pub failed: bool,
}

/// A no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimError {
    /// `card_declined`, `invalid_request`, `not_found`, `idempotency_error`.
    pub code: String,
    /// The issuer's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
    /// One sentence.
    pub message: String,
    /// The refused payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
}

impl SimError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), decline_code: None, message: message.into(), payment: None }
    }
}

/// The answer to a write. What was answered once under a key is answered again under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The payment.
    Payment(Box<SimPayment>),
    /// The refund.
    Refund(SimRefund),
    /// No.
    Error(SimError),
}

/// What is sent to the webhook endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimEvent {
    /// `evt_sim_…`.
    pub id: String,
    /// In Stripe's words: `payment_intent.succeeded`, `refund.created`, `charge.dispute.created`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Seconds since 1970.
    pub created: i64,
    /// What it is about.
    pub data: SimEventData,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimEventData {
    /// As it stood when the event was made.
    pub object: SimObject,
}

/// The object of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "object", rename_all = "snake_case")]
pub enum SimObject {
    /// A payment.
    PaymentIntent(Box<SimPayment>),
    /// A refund.
    Refund(SimRefund),
    /// A dispute.
    Dispute {
        /// Of which payment.
        payment_intent: String,
        /// How it stands.
        status: SimDispute,
        /// Minor units.
        amount: i64,
    },
}

/// A page of payments.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SimPage {
    /// Oldest first.
    pub data: Vec<SimPayment>,
    /// Where the next page begins.
    pub next: Option<String>,
}
