//! Stripe's objects, as far as we read them. Everything else in an answer is left alone.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// A PaymentIntent.
#[derive(Clone, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) amount: i64,
    #[serde(default)]
    pub(super) amount_received: Option<i64>,
    pub(super) currency: String,
    #[serde(default)]
    pub(super) metadata: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) created: Option<i64>,
    #[serde(default)]
    pub(super) client_secret: Option<String>,
    #[serde(default)]
    pub(super) next_action: Option<NextAction>,
    #[serde(default)]
    pub(super) last_payment_error: Option<ErrorBody>,
    /// An id, or the charge itself where it was expanded.
    #[serde(default)]
    pub(super) latest_charge: Option<Value>,
}

/// What the payer must do.
#[derive(Clone, Deserialize)]
pub(super) struct NextAction {
    #[serde(default)]
    pub(super) redirect_to_url: Option<Redirect>,
}

#[derive(Clone, Deserialize)]
pub(super) struct Redirect {
    #[serde(default)]
    pub(super) url: Option<String>,
}

/// A charge, where an intent's was expanded.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Charge {
    #[serde(default)]
    pub(super) amount_captured: Option<i64>,
    #[serde(default)]
    pub(super) amount_refunded: Option<i64>,
    #[serde(default)]
    pub(super) disputed: Option<bool>,
    #[serde(default)]
    pub(super) payment_intent: Option<String>,
}

/// A refund.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RefundObject {
    pub(super) id: String,
    pub(super) amount: i64,
    #[serde(default)]
    pub(super) status: Option<String>,
    #[serde(default)]
    pub(super) payment_intent: Option<String>,
    #[serde(default)]
    pub(super) metadata: Option<BTreeMap<String, String>>,
}

/// A dispute.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct DisputeObject {
    #[serde(default)]
    pub(super) amount: i64,
    pub(super) status: String,
    #[serde(default)]
    pub(super) payment_intent: Option<String>,
}

/// A page.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// `{"error": …}`.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ErrorAnswer {
    pub(super) error: ErrorBody,
}

/// An error, in an answer or as an intent's last one.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ErrorBody {
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) decline_code: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
    #[serde(default)]
    pub(super) payment_intent: Option<IntentId>,
}

/// The intent that an error is about.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct IntentId {
    pub(super) id: String,
}

/// A webhook's body.
#[derive(Clone, Deserialize)]
pub(super) struct EventObject {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) created: Option<i64>,
    pub(super) data: EventData,
}

#[derive(Clone, Deserialize)]
pub(super) struct EventData {
    pub(super) object: Value,
}
