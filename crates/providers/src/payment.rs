//! A payment and a refund as a provider shows them.

use std::fmt;

use crate::outcome::Refusal;

/// How a payment stands at its provider. Refunds and disputes leave the state at `Succeeded` and show in their own fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderState {
    /// Known there, nothing tried yet; no money can move before a confirm.
    Created,
    /// The payer must act.
    RequiresAction,
    /// The provider is still at it.
    Processing,
    /// Authorized, to be captured.
    RequiresCapture,
    /// Paid.
    Succeeded,
    /// Refused for good.
    Failed,
    /// Given up; nothing was paid.
    Canceled,
}

/// What the payer must do next.
#[derive(Clone, PartialEq, Eq)]
pub struct Action {
    /// `redirect`, `client` (the provider's own script takes `client_secret`), `widget` (the provider's own checkout).
    pub kind: &'static str,
    /// Where the payer's browser must go.
    pub url: Option<String>,
    /// What the provider's script in the payer's browser needs. For the payer only, not for logs.
    pub client_secret: Option<String>,
}

/// Without what a page can pay with.
impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A dispute of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispute {
    /// The money is withheld.
    Open,
    /// The merchant keeps the money.
    Won,
    /// The payer has the money back.
    Lost,
}

/// A dispute, and how much of the payment it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disputed {
    /// How it stands.
    pub dispute: Dispute,
    /// Minor units in dispute, where the provider says so.
    pub minor: Option<i64>,
}

/// A payment as its provider shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderPayment {
    /// The provider's id.
    pub provider_id: String,
    /// Our id, where the provider gave it back.
    pub our_id: Option<String>,
    /// How it stands.
    pub state: ProviderState,
    /// What was asked for, in minor units.
    pub minor: i64,
    /// ISO 4217, upper case.
    pub currency: String,
    /// What was taken, in minor units, refunds not subtracted.
    pub captured_minor: i64,
    /// What was paid back, in minor units, where the provider says so with the payment.
    pub refunded_minor: Option<i64>,
    /// What the payer must do, in `RequiresAction`.
    pub action: Option<Action>,
    /// Why it failed, in `Failed`.
    pub refusal: Option<Refusal>,
    /// Its newest dispute, where the provider says so with the payment.
    pub dispute: Option<Disputed>,
    /// When the provider made it, in seconds since 1970, where it says so.
    pub created_seconds: Option<i64>,
}

/// How a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundState {
    /// Under way.
    Pending,
    /// Paid back.
    Succeeded,
    /// Did not happen, or came back.
    Failed,
}

/// A refund as its provider shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRefund {
    /// The provider's id.
    pub provider_id: String,
    /// Our refund's id, where the provider gave it back.
    pub our_refund: Option<String>,
    /// The provider's id of the payment.
    pub payment_provider_id: Option<String>,
    /// Minor units.
    pub minor: i64,
    /// How it stands.
    pub state: RefundState,
}
