//! One authorization, one run of the handler, one answer.
//!
//! A payment that can pay once is claimed before its handler runs. The answer is kept before money is asked for, and
//! closed with its receipt: whoever brings the same payment for the same request again gets the same answer, without
//! paying or running anything a second time. [`MemoryAnswers`] knows one process; a store that many share knows them all.

mod claim;
mod identifier;
mod memory;
mod packed;
mod run;
#[cfg(feature = "store")]
mod sealed;
#[cfg(feature = "store")]
mod sql;
mod waiting;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use farebox_x402::{Amount, Fault, Receipt};
use http::{HeaderMap, StatusCode};

pub use self::{claim::Claim, identifier::Identifier, memory::MemoryAnswers};
pub(crate) use self::{
    claim::Single,
    identifier::{BAD, MISSING},
};
pub(crate) use self::{
    claim::{Bound, of_charge, of_payment},
    run::Run,
    waiting::claim,
};

#[cfg(feature = "store")]
pub use self::sql::SqlAnswers;

/// What became of a claim.
#[derive(Debug)]
pub enum Claimed {
    /// Nobody has it: run the handler, under this ticket.
    Mine(Ticket),
    /// Another request has it, or is asking for its money. Ask again in a while.
    Busy,
    /// It has an answer. Without a receipt nobody knows yet whether the money was taken: it is in hand until the rail was
    /// asked, and then closed, let go, or put down.
    Kept(Ticket, Box<Kept>),
    /// It has paid for an answer that is no longer kept.
    Spent,
    /// It has paid, or is paying, for another request.
    Other,
}

/// Names one run of a handler: a later run for the same payment has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The claim's.
    pub key: [u8; 32],
    /// Differs from run to run.
    pub run: u64,
}

/// A handler's answer, and how to ask what became of its money.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Names the charge at its facilitator.
    pub request_id: String,
    /// What is taken.
    pub amount: Amount,
    /// What the payer gets. None if it was too long to keep.
    pub answer: Option<Answer>,
    /// Set when the money is taken.
    pub receipt: Option<Receipt>,
}

/// An answer, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, as the handler wrote them.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// What came after the body.
    pub trailers: Option<HeaderMap>,
}

/// Where claims and answers are kept. Implementations are bounded, and keep these promises:
///
/// - of all who claim one key, one has it at a time; it is free again after [`let_go`](Self::let_go), or when its holder
///   has not been heard of for the claim's lease;
/// - what was kept is there for the next claim, whatever became of its holder;
/// - a ticket that is no longer the latest changes nothing.
#[async_trait]
pub trait AnswerStore: Send + Sync + 'static {
    /// Takes a payment in hand, or says what became of it.
    async fn claim(&self, claim: &Claim) -> Result<Claimed, Fault>;

    /// Keeps the handler's answer; the money is asked for next. False if the ticket is no longer the latest: then nothing
    /// may be asked for.
    async fn keep(&self, ticket: Ticket, kept: &Kept) -> Result<bool, Fault>;

    /// Nobody knows whether the money was taken: the next who claims it may ask.
    async fn put_down(&self, ticket: Ticket) -> Result<(), Fault>;

    /// The money is taken: the answer has its receipt. True if nobody has said so before.
    async fn close(&self, ticket: Ticket, receipt: &Receipt) -> Result<bool, Fault>;

    /// Nothing was taken: the payment may be brought again.
    async fn let_go(&self, ticket: Ticket) -> Result<(), Fault>;

    /// The receipt of a charge, by its request id: `Some(None)` while its money is open.
    async fn receipt(&self, request_id: &str) -> Result<Option<Option<Receipt>>, Fault>;
}

/// The longest answer that is kept, in bytes. Of a longer one only its receipt is.
pub(crate) const MAX_ANSWER: usize = 1024 * 1024;

/// How long an answer is kept unless a route says otherwise.
pub(crate) const REPLAY: Duration = Duration::from_secs(300);
