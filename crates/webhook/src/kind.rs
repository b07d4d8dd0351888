//! What an event is about.

use std::fmt;

use serde::{Deserialize, Deserializer};

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)*) => {
        /// What happened, in two words: `invoice.paid`. New ones are added: match with a wildcard.
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EventType {
            $($(#[doc = $doc])+ $name,)*
            /// One that this version does not know, as it was sent.
            Other(Box<str>),
        }

        impl EventType {
            /// Every one that this version knows.
            pub const KNOWN: &[Self] = &[$(Self::$name,)*];

            /// As it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for EventType {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$name,)*
                    other => Self::Other(other.into()),
                }
            }
        }
    };
}

kinds! {
    /// A customer was created.
    CustomerCreated = "customer.created";
    /// A customer was changed.
    CustomerUpdated = "customer.updated";
    /// A subscription began.
    SubscriptionCreated = "subscription.created";
    /// A subscription was changed.
    SubscriptionUpdated = "subscription.updated";
    /// A trial ends soon.
    SubscriptionTrialEnding = "subscription.trial_ending";
    /// A subscription has ended.
    SubscriptionCanceled = "subscription.canceled";
    /// A payment is late.
    SubscriptionPastDue = "subscription.past_due";
    /// A new period began.
    SubscriptionRenewed = "subscription.renewed";
    /// An invoice was drafted.
    InvoiceCreated = "invoice.created";
    /// An invoice will not change any more.
    InvoiceFinalized = "invoice.finalized";
    /// An invoice was paid.
    InvoicePaid = "invoice.paid";
    /// An invoice could not be collected this time.
    InvoicePaymentFailed = "invoice.payment_failed";
    /// An invoice was taken back.
    InvoiceVoided = "invoice.voided";
    /// A payment waits for its payer.
    PaymentRequiresAction = "payment.requires_action";
    /// A payment is authorized, and not yet captured.
    PaymentAuthorized = "payment.authorized";
    /// A payment succeeded.
    PaymentSucceeded = "payment.succeeded";
    /// A payment failed.
    PaymentFailed = "payment.failed";
    /// A payment was given up before it was paid.
    PaymentCanceled = "payment.canceled";
    /// A payment was given back, in whole or in part.
    PaymentRefunded = "payment.refunded";
    /// A refund did not arrive.
    PaymentRefundFailed = "payment.refund_failed";
    /// A payer has disputed a payment.
    PaymentDisputed = "payment.disputed";
    /// A dispute is over.
    PaymentDisputeClosed = "payment.dispute_closed";
    /// A balance is used up.
    EntitlementExhausted = "entitlement.exhausted";
    /// A balance has passed a mark.
    EntitlementThreshold = "entitlement.threshold";
    /// A checkout was paid.
    CheckoutCompleted = "checkout.completed";
    /// A checkout was left until it was too late.
    CheckoutExpired = "checkout.expired";
    /// An endpoint failed for too long.
    WebhookEndpointDisabled = "webhook_endpoint.disabled";
}

impl EventType {
    /// For labels of metrics, which must be few.
    pub(crate) fn label(&self) -> &'static str {
        // The texts of the known ones are the program's own.
        let known = Self::KNOWN.iter().find(|known| *known == self);
        known.map_or(farebox_telemetry::paylera::label::OTHER, Self::as_str)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Ok(Self::from(&*text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_type_reads_back_and_others_are_kept() {
        assert_eq!(EventType::KNOWN.len(), 27);
        for kind in EventType::KNOWN {
            assert_eq!(&EventType::from(kind.as_str()), kind);
            assert_eq!(kind.label(), kind.as_str());
        }
        let other = EventType::from("invoice.eaten");
        assert_eq!((other.as_str(), other.label()), ("invoice.eaten", "other"));
    }
}
