//! How a call to a provider ended.

use std::time::Duration;

/// How a write at a provider ended. Only `Unknown` leaves a question, and only a lookup answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// The provider answered; this is how things stand.
    Seen(T),
    /// A business answer: no, and nothing moved.
    Refused(Refusal),
    /// It cannot have happened: nothing was sent, or the provider turned it away unread. The same call may be made again.
    NotDone(Fault),
    /// It may have happened. Look it up before anything else.
    Unknown(Fault),
}

impl<T> Outcome<T> {
    /// The same ending with another payload.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Seen(seen) => Outcome::Seen(change(seen)),
            Self::Refused(refusal) => Outcome::Refused(refusal),
            Self::NotDone(fault) => Outcome::NotDone(fault),
            Self::Unknown(fault) => Outcome::Unknown(fault),
        }
    }
}

/// Why a provider refused, in words of its own that a merchant may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The provider's code: `card_declined`, `REJECT_CARD_PAYMENT`, …
    pub code: String,
    /// The issuer's reason behind a decline, where there is one: `insufficient_funds`, …
    pub decline_code: Option<String>,
    /// One sentence, cut.
    pub message: String,
    /// Whose fault it is.
    pub class: RefusalClass,
    /// The provider's id of the refused payment, where there is one.
    pub provider_id: Option<String>,
}

/// What kind of no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalClass {
    /// The card or the payer's bank said no: another card may do.
    Declined,
    /// The request cannot be carried out as it is: unknown method, wrong state, too much.
    Invalid,
}

/// Something broke. For the log; decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{provider}: {what}")]
pub struct Fault {
    /// Whose.
    pub provider: &'static str,
    /// What, without secrets or addresses.
    pub what: String,
    /// When the provider wants to be asked again, if it said so.
    pub retry_after: Option<Duration>,
    /// The account's settings are wrong (key, permission): repeating cannot help until a person acts.
    pub settings: bool,
}

impl Fault {
    /// A fault of `provider`.
    #[must_use]
    pub fn new(provider: &'static str, what: impl Into<String>) -> Self {
        Self { provider, what: what.into(), retry_after: None, settings: false }
    }
}
