//! Who stands behind a gate: checks a payment, reserves it, makes it final.

use std::{borrow::Cow, fmt, ops::Deref, sync::Arc, time::Duration};

use async_trait::async_trait;
use farebox_types::{AtomicAmount, Quantity};
use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

use crate::{Accept, ChainPayment, PaymentRequired, Receipt, Requirements, Version, facilitation::Question};

/// One payment as the gate presents it. The offer is the gate's own, never the payer's copy of it.
#[derive(Clone)]
pub struct Payment {
    /// The payer's header value; for credits unread. Secret: a bearer token.
    pub token: Arc<str>,
    /// The offer for this request.
    pub required: Arc<Offer>,
    /// Which of the offer's ways to pay this is, from 0.
    pub accept: usize,
    /// What is charged: the price, or for settling `upto` what was used.
    pub amount: Amount,
    /// The payment as read; for credits absent.
    pub payload: Option<Arc<ChainPayment>>,
}

/// How much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Credits of a plan.
    Credits(Quantity),
    /// Atomic units of a token on a chain.
    Atomic(AtomicAmount),
}

impl Amount {
    /// The credits, if these are credits.
    #[must_use]
    pub const fn credits(self) -> Option<Quantity> {
        match self {
            Self::Credits(credits) => Some(credits),
            Self::Atomic(_) => None,
        }
    }

    /// The atomic units, if these are a token's.
    #[must_use]
    pub const fn atomic(self) -> Option<AtomicAmount> {
        match self {
            Self::Credits(_) => None,
            Self::Atomic(units) => Some(units),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credits(credits) => credits.fmt(f),
            Self::Atomic(units) => units.fmt(f),
        }
    }
}

impl Payment {
    /// A payment in credits for the offer's first way to pay.
    #[must_use]
    pub const fn credits(token: Arc<str>, required: Arc<Offer>, amount: Quantity) -> Self {
        Self { token, required, accept: 0, amount: Amount::Credits(amount), payload: None }
    }

    /// The way to pay that this is.
    #[must_use]
    pub fn accepted(&self) -> Option<&Accept> {
        self.required.accepts.get(self.accept)
    }

    /// The network of the way to pay; empty for one that names none.
    #[must_use]
    pub fn network(&self) -> &str {
        match self.accepted() {
            Some(Accept::Credits(accept)) => &accept.network,
            Some(Accept::Chain(accept)) => &accept.network,
            Some(Accept::Other(_)) | None => "",
        }
    }

    /// For a payment on a chain, what it has to satisfy: the gate's own offer, for the amount that is charged.
    #[must_use]
    pub fn requirements(&self) -> Option<Cow<'_, Requirements>> {
        let (offered, amount) = (self.accepted()?.chain()?, self.amount.atomic()?);
        Some(match amount == offered.amount {
            true => Cow::Borrowed(offered),
            false => Cow::Owned(Requirements { amount, ..offered.clone() }),
        })
    }

    /// For a payment on a chain, what a facilitator is asked about it.
    #[must_use]
    pub fn question<'a>(&'a self, requirements: &'a Requirements) -> Option<Question<'a>> {
        let payload = self.payload.as_deref()?;
        let question = Question::new(payload, requirements);
        Some(match payload.dialect.version {
            Version::V1 => question.of(&self.required.resource),
            Version::V2 => question,
        })
    }
}

/// What a 402 answer offers, with its JSON written once: a route's offer travels with every call about it.
#[derive(Clone)]
pub struct Offer {
    value: PaymentRequired,
    json: Box<RawValue>,
}

impl Offer {
    /// Writes the JSON, and keeps both.
    #[must_use]
    pub fn new(value: PaymentRequired) -> Self {
        let json = to_raw_value(&value).unwrap_or_default();
        Self { value, json }
    }

    /// Compact JSON of the offer.
    #[must_use]
    pub const fn json(&self) -> &RawValue {
        &self.json
    }
}

impl Deref for Offer {
    type Target = PaymentRequired;

    fn deref(&self) -> &PaymentRequired {
        &self.value
    }
}

impl From<PaymentRequired> for Offer {
    fn from(value: PaymentRequired) -> Self {
        Self::new(value)
    }
}

impl PartialEq for Offer {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl fmt::Debug for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// Reserve on verify, and for how long at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// After this an unsettled hold is given back.
    pub ttl: Duration,
}

/// What an offer must say to be payable at a facilitator; never more than is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terms {
    /// Members of `extra`, such as `facilitatorAddress`.
    pub extra: Map<String, Value>,
    /// Extensions by name, `{info, schema}` each.
    pub extensions: Map<String, Value>,
}

/// What verify found.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Good, and reserved when a hold was asked for.
    Valid(Verified),
    /// Not good; nothing is reserved.
    Refused(Refusal),
}

/// A good payment.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Names the charge for settle and release.
    pub request_id: String,
    /// Who pays.
    pub payer: Option<String>,
    /// What observability needs to know about the agent behind the route.
    pub agent_request: Option<Value>,
}

/// What settle did. An error instead is an unknown outcome: ask again with the same request id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "nearly every settlement is a receipt")]
pub enum Settlement {
    /// Final; the receipt goes to the payer.
    Settled(Receipt),
    /// Final: nothing was taken, and nothing will be.
    Refused(Refusal),
}

/// A business answer: the payment does not go through. Both texts are safe to show to the payer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Machine code, an open set ([`crate::credits`] has ours).
    pub code: String,
    /// For people.
    pub reason: String,
}

/// Something broke on the way; never shown to a payer.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    /// What broke, for the log.
    pub what: String,
    /// Whether another try can help.
    pub retry: Retry,
    /// The cause, if there is one.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// As the [source](Fault::source) of a fault: the transaction was broadcast, and nobody has seen it land. Shown to payers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("broadcast as {transaction}")]
pub struct Broadcast {
    /// Its hash.
    pub transaction: String,
}

/// Whether another try can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// No: the configuration is wrong.
    Never,
    /// Yes, after a while: nothing has happened.
    After(Duration),
    /// The call may have had its effect: repeat it with the same request id, or ask.
    Unknown,
}

/// Who stands behind a gate. Both implementations, in process and over HTTP, keep these promises:
///
/// - `verify` with a hold reserves at most once per presented single-use token;
/// - `settle` and `release` may be repeated with the same request id and have their effect once;
/// - a [`Fault`] from `settle` decides nothing.
#[async_trait]
pub trait Facilitator: Send + Sync + 'static {
    /// Checks a payment, and reserves its amount when `hold` is given.
    async fn verify(&self, payment: &Payment, hold: Option<Hold>) -> Result<Verdict, Fault>;

    /// Takes the amount. `request_id` is verify's.
    async fn settle(&self, payment: &Payment, request_id: &str) -> Result<Settlement, Fault>;

    /// Asks again about an amount that may have been asked for before, by this process or by another that is gone: a
    /// refusal then is final only if it cannot come from the first call itself.
    async fn settle_again(&self, payment: &Payment, request_id: &str) -> Result<Settlement, Fault> {
        self.settle(payment, request_id).await
    }

    /// Gives a hold back. Never undoes a settlement: after one, it does nothing.
    async fn release(&self, payment: &Payment, request_id: &str) -> Result<(), Fault>;

    /// What an offer must say to be payable here. `None` if it cannot be paid here.
    async fn terms(&self, accept: &Requirements) -> Result<Option<Terms>, Fault> {
        let _ = accept;
        Ok(Some(Terms::default()))
    }

    /// True if it moves no money. A gate refuses such a facilitator outside test mode; one that wraps another passes
    /// the other's answer on.
    fn test_only(&self) -> bool {
        false
    }
}
