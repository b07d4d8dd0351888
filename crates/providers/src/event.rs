//! What a provider tells us by itself.

use crate::payment::{Dispute, ProviderPayment, ProviderRefund};

/// A webhook that has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The provider's id of the event: each is applied once.
    pub id: String,
    /// The provider's word for what happened.
    pub kind: String,
    /// When it happened, in seconds since 1970, where the provider says so.
    pub created_seconds: Option<i64>,
    /// What it is about.
    pub about: About,
    /// Whether it was signed. What was not is a reason to look up and nothing more.
    pub signed: bool,
}

/// What an event is about. A snapshot is how things stood when the event was made, which may be long ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// A payment.
    Payment(Box<ProviderPayment>),
    /// A payment whose refunds changed: `refunded_minor` in all, where told.
    Refunded {
        /// The provider's id of the payment.
        provider_id: String,
        /// All that has been paid back, in minor units.
        refunded_minor: Option<i64>,
    },
    /// One refund.
    Refund(ProviderRefund),
    /// A dispute.
    Dispute {
        /// The provider's id of the payment.
        provider_id: String,
        /// How it stands.
        dispute: Dispute,
        /// Minor units in dispute.
        minor: i64,
    },
    /// A payment to be looked up; nothing else is known.
    Look {
        /// Our id, if the event names it.
        our_id: Option<String>,
        /// The provider's id, if the event names it.
        provider_id: Option<String>,
    },
    /// Nothing we act on.
    Other,
}

/// A webhook that is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// There is no signature where there must be one.
    #[error("the webhook is not signed")]
    Unsigned,
    /// No secret of ours made this signature.
    #[error("the webhook's signature is not ours")]
    Signature,
    /// Signed too long ago, or in the future.
    #[error("the webhook's signature is too old")]
    Age,
    /// Signed, but not an event.
    #[error("the webhook is not an event")]
    Shape,
}
