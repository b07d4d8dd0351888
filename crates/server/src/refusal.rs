//! Business answers: each says, with its numbers, why not. What broke is a [`Fault`] instead.

use std::borrow::Cow;

use farebox_engine::{credits::BadRules, ledger};
use farebox_store::{Fault, Retry};
use farebox_types::Quantity;
use farebox_x402::header::BadHeader;

/// Why not. Its text is safe to show to the caller; its code and status are in `http::problem`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    BadBody(String),
    #[error("{field} must be {rule}")]
    BadField { field: Cow<'static, str>, rule: &'static str },
    #[error("{field} must be {rule}")]
    BadNumber { field: Cow<'static, str>, rule: &'static str },
    #[error("this server speaks Nevermined-Version 1.1 only")]
    UnknownVersion,
    #[error("the body is longer than 65536 bytes")]
    TooLarge,
    #[error("there is no such endpoint")]
    NoRoute,
    #[error("this endpoint does not take that method")]
    WrongMethod,
    #[error("this idempotency key was used before for another request")]
    KeyReused,

    #[error("an API key is needed: send `Authorization: Bearer <key>`")]
    NoKey,
    #[error("the API key is not valid")]
    BadKey,
    #[error("this needs a seller's key")]
    WrongRole,
    #[error("only the plan's owner may do this")]
    NotOwner,
    #[error("there is no such plan")]
    NoPlan,
    #[error("there is no such agent")]
    NoAgent,
    #[error("there is no such payment")]
    NoPayment,
    #[error("the token lacks the scope {scope}")]
    MissingScope { scope: &'static str },
    #[error("a payment that is {state} cannot be asked that")]
    PaymentState { state: &'static str },
    #[error("{asked} minor units were asked, {left} are left")]
    TooMuch { asked: i64, left: i64 },
    #[error("another call on this payment is under way")]
    PaymentBusy,
    #[error("this checkout is over")]
    CheckoutOver,
    #[error("the simulated provider takes no live merchant's payments")]
    Simulated,
    #[error("the provider's account belongs to another merchant")]
    OthersAccount,
    #[error("the provider's account and the merchant are in different modes, test and live")]
    OtherMode,
    #[error("{why}")]
    Forged { why: String },
    #[error("there is no such delegation")]
    NoDelegation,

    #[error("creditsConfig: {0}")]
    BadRules(BadRules),
    #[error("an account may have {most} delegations in force, and this one has them")]
    TooManyDelegations { most: u32 },
    #[error("{what} is not supported here")]
    Unsupported { what: &'static str },
    #[error("this plan has a price, and cannot be paid for here")]
    Priced,
    #[error("this plan has a price: pay one of the offers of the payment-required header")]
    Unpaid,
    #[error("the payment was not taken: {reason}")]
    PaymentRefused { reason: String },
    #[error("this payment has been used before for something else")]
    PaymentUsed,
    #[error("this trial plan was ordered before by this account")]
    TrialTaken,
    #[error("the account has {} open lots, the most there may be", ledger::MAX_OPEN_LOTS)]
    TooManyLots,
    #[error("the amount is too large for this account")]
    Overflow,

    #[error("{0}")]
    MalformedToken(BadHeader),
    #[error("the access token is not valid, or has expired")]
    InvalidToken,
    #[error("the access token was minted for another {what}")]
    NotAccepted { what: &'static str },
    #[error("a version 3 token needs resource.url and accepted.extra.httpVerb")]
    Unbound,
    #[error("the delegation behind the access token {0}")]
    Delegation(DelegationEnd),
    #[error("the delegation is bound to another plan")]
    DelegationPlan,
    #[error("the access token has been spent")]
    Spent,
    #[error("the access token is held by another request right now")]
    InUse,
    #[error("not enough credits: {needed} needed, {available} available")]
    Insufficient { needed: Quantity, available: Quantity },
    #[error("the payer does not hold this plan, or its time is over")]
    NotHeld,
    #[error("the agent's endpoint list does not hold this resource")]
    EndpointClosed,
    #[error("the plan does not give access to this agent")]
    AgentClosed,
    #[error("this request's hold was given back")]
    Released,
    #[error("this request id was used before for another payment")]
    RequestReused,
    #[error("more was asked than the {held} credits that are held")]
    ExceedsHold { held: Quantity },
}

/// Why a delegation is not in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DelegationEnd {
    #[error("does not exist")]
    Unknown,
    #[error("has been revoked")]
    Revoked,
    #[error("has expired")]
    Expired,
    #[error("has been used up")]
    Exhausted,
    #[error("does not let so much more be spent")]
    Overspent,
    #[error("limits spending in other money than the plan's price")]
    OtherMoney,
}

impl Refusal {
    pub(crate) fn field(field: impl Into<Cow<'static, str>>, rule: &'static str) -> Self {
        Self::BadField { field: field.into(), rule }
    }

    pub(crate) fn number(field: impl Into<Cow<'static, str>>, rule: &'static str) -> Self {
        Self::BadNumber { field: field.into(), rule }
    }

    /// True for what a payment lacks, as against what the request asking about it lacks.
    pub(crate) const fn is_verdict(&self) -> bool {
        matches!(
            self,
            Self::InvalidToken
                | Self::NotAccepted { .. }
                | Self::Delegation(_)
                | Self::DelegationPlan
                | Self::Spent
                | Self::InUse
                | Self::Insufficient { .. }
                | Self::NotHeld
                | Self::EndpointClosed
                | Self::AgentClosed
                | Self::NoAgent
        )
    }
}

/// Why an operation did not happen: refused, or broken.
#[derive(Debug)]
pub(crate) enum Failure {
    Refused(Refusal),
    Broken(Fault),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Broken(fault)
    }
}

/// Something that cannot be, short of a mistake in this program or a row changed by hand.
pub(crate) fn impossible(what: impl Into<String>) -> Fault {
    Fault { what: what.into(), retry: Retry::Never }
}
