//! Why a request was not answered, or not paid.

use std::time::Duration;

use farebox_x402::{PaymentRequired, Receipt};

use crate::{Authorization, Denied, JournalError};

/// Why a request has no answer. No text holds a token or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayError {
    /// The request cannot be sent as it is; nothing was.
    #[error("the request cannot be sent: {0}")]
    BadRequest(&'static str),
    /// The seller's 402 cannot be read, or offers something other than what was asked for. Nothing was paid.
    #[error("the seller's offer cannot be paid: {0}")]
    BadOffer(String),
    /// The offer is fine, but this payer cannot or may not take it. Nothing was paid.
    #[error("nothing in the seller's offer is payable: {}", listed(.denied))]
    NothingPayable {
        /// What stands in the way of each way to pay, in the seller's order.
        denied: Vec<Denied>,
        /// The offer.
        offer: Box<PaymentRequired>,
    },
    /// Nothing could be signed. Nothing was paid.
    #[error("the payment cannot be signed: {0}")]
    Unsigned(&'static str),
    /// A chain that must be asked before signing does not say. Nothing was paid.
    #[error("{network} cannot be asked for the allowance: {problem}")]
    Rpc {
        /// CAIP-2.
        network: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// The payment could not be written down, so it was not sent. Nothing was paid.
    #[error("the payment cannot be written to the journal: {0}")]
    Journal(#[source] JournalError),
    /// The buyer's backend gave no token. Nothing was paid.
    #[error("the backend gave no token: {code}: {message}")]
    Backend {
        /// The backend's code, or `http_<status>`.
        code: String,
        /// Its words.
        message: String,
    },
    /// The buyer's backend minted a reusable token where a single-use one was asked for. Nothing was paid.
    #[error("the backend minted a reusable token where a single-use one was asked for")]
    NotSingleUse,
    /// The seller refused the payment; for this request no other is made. Nothing was charged, unless the refusal
    /// followed a try whose outcome was unknown. On a chain the same authorization is shown again until it expires, when
    /// the same request is sent again.
    #[error("the seller refused the payment: {code}: {reason}")]
    Refused {
        /// The seller's code; empty if it gave none.
        code: String,
        /// Its words.
        reason: String,
        /// The fresh offer that came with the refusal.
        offer: Option<Box<PaymentRequired>>,
    },
    /// The payment was spent by an earlier try of this request whose answer never arrived.
    #[error("the request was paid for, and its answer is lost: {reason}")]
    AnswerLost {
        /// The seller's words.
        reason: String,
    },
    /// It is not known whether the payment went through. [`crate::Payer::resume`] sends the same payment again.
    #[error("it is not known whether the payment went through: {what}")]
    OutcomeUnknown {
        /// What happened last.
        what: String,
        /// When the seller wants to be asked again.
        retry_after: Option<Duration>,
        /// The request with the payment it carries.
        authorization: Box<Authorization>,
    },
    /// A reusable token cannot be sent again without paying again.
    #[error("this payment cannot be resumed: its token is reusable and would pay again")]
    NotResumable,
    /// On a chain: this authorization has ended, or expired. What became of it, the chain knows.
    #[error("this payment cannot be resumed: it has ended or expired")]
    Over,
    /// On a chain: another request is sending this authorization just now.
    #[error("this payment is being sent already")]
    InFlight,
    /// The answer is longer than this payer reads. It was paid for if the receipt says so.
    #[error("the answer is longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
        /// Of the payment, if one was made.
        receipt: Option<Box<Receipt>>,
    },
    /// The network failed before anything was paid.
    #[error("{during}")]
    Transport {
        /// What was under way.
        during: &'static str,
        /// Without its URL.
        #[source]
        source: reqwest::Error,
    },
}

/// The first few reasons, one after the other.
fn listed(denied: &[Denied]) -> String {
    if denied.is_empty() {
        return "it offers nothing".to_owned();
    }
    let mut all: Vec<String> = denied.iter().take(5).map(ToString::to_string).collect();
    if let Some(more) = denied.len().checked_sub(all.len()).filter(|more| *more > 0) {
        all.push(format!("and {more} more"));
    }
    all.join("; ")
}
