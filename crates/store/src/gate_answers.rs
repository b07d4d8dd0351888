//! What gates keep of payments that can pay once: who runs a handler for one, and what it answered. No money is here: a row
//! that is lost costs a second run of a handler, never a second charge, so `verify` has nothing to check here.

use std::time::Duration;

use async_trait::async_trait;
use farebox_types::{Id, Merchant};

use crate::Fault;

/// A payment that wants to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateClaim {
    /// The gate's merchant.
    pub tenant: Id<Merchant>,
    /// Names the payment.
    pub key: [u8; 32],
    /// A new number for this run, should it be the one.
    pub run: i64,
    /// What proves that its payer agreed.
    pub proof: [u8; 32],
    /// The request it pays for.
    pub request: [u8; 32],
    /// How long a run may be silent before another one may begin.
    pub lease: Duration,
    /// How long its answer is given again.
    pub replay: Duration,
    /// How long it is known to have paid.
    pub remember: Duration,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateClaimed {
    /// It is this run's.
    Mine,
    /// Another run has it, or somebody is asking for its money.
    Busy,
    /// It has an answer, from this run. One without a receipt is in the claimant's hands for the claim's lease.
    Kept(i64, GateAnswer),
    /// It has paid for an answer that is no longer given again.
    Spent,
    /// It has paid, or is paying, for another request.
    Other,
}

/// An answer as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateAnswer {
    /// Names the charge.
    pub request_id: String,
    /// What is taken, as the gate writes it.
    pub amount: String,
    /// The answer, sealed; `None` if it is not kept.
    pub answer: Option<Vec<u8>>,
    /// The receipt as JSON, once the money is taken.
    pub receipt: Option<String>,
}

/// Durable claims and answers, which any number of gates share. A run that is no longer the latest changes nothing.
#[async_trait]
pub trait GateAnswerStore: Send + Sync {
    /// Takes a payment in hand, or says what became of it.
    async fn claim_payment(&self, claim: &GateClaim) -> Result<GateClaimed, Fault>;
    /// Keeps a run's answer. False if the run is no longer the latest.
    async fn keep_answer(
        &self,
        tenant: Id<Merchant>,
        key: [u8; 32],
        run: i64,
        kept: &GateAnswer,
    ) -> Result<bool, Fault>;
    /// Nobody knows whether its money was taken: the next who claims it gets it to ask.
    async fn put_down_answer(&self, tenant: Id<Merchant>, key: [u8; 32], run: i64) -> Result<(), Fault>;
    /// Its money is taken. True if nobody has said so before.
    async fn close_answer(&self, tenant: Id<Merchant>, key: [u8; 32], run: i64, receipt: &str) -> Result<bool, Fault>;
    /// Nothing was taken: the payment may be brought again.
    async fn drop_claim(&self, tenant: Id<Merchant>, key: [u8; 32], run: i64) -> Result<(), Fault>;
    /// The receipt of a charge: `Some(None)` while its money is open.
    async fn answer_receipt(&self, tenant: Id<Merchant>, request_id: &str) -> Result<Option<Option<String>>, Fault>;
}

/// A row as it is read, for who claims it.
pub(crate) struct GateRow {
    pub(crate) run: i64,
    pub(crate) proof: Vec<u8>,
    pub(crate) request: Vec<u8>,
    pub(crate) state: State,
    pub(crate) lease_until: i64,
    pub(crate) replay_until: i64,
    pub(crate) kept: GateAnswer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Open,
    Closed,
}

impl State {
    pub(crate) fn read(text: &str) -> Self {
        match text {
            "running" => Self::Running,
            "open" => Self::Open,
            _ => Self::Closed,
        }
    }
}

impl GateRow {
    /// True for an answer whose money the claimant has to ask for, once the row's lease is its own.
    pub(crate) fn is_to_be_asked(&self, claim: &GateClaim, now: i64) -> bool {
        let theirs = self.request == claim.request && self.proof == claim.proof;
        self.state == State::Open && self.lease_until <= now && theirs
    }

    /// What it means for a claim that did not get it.
    pub(crate) fn claimed(self, claim: &GateClaim, now: i64) -> GateClaimed {
        if self.state == State::Running {
            return GateClaimed::Busy;
        }
        if self.request != claim.request {
            return GateClaimed::Other;
        }
        if self.state == State::Open && self.lease_until > now {
            return GateClaimed::Busy;
        }
        let again = self.state == State::Open || (now < self.replay_until && self.kept.answer.is_some());
        match again && self.proof == claim.proof {
            true => GateClaimed::Kept(self.run, self.kept),
            false => GateClaimed::Spent,
        }
    }
}

/// One claim in so many removes what is over.
const SWEEPS: i64 = 64;
/// Rows removed at once.
pub(crate) const SWEPT: i64 = 256;

impl GateClaim {
    pub(crate) const fn sweeps(&self) -> bool {
        self.run % SWEEPS == 0
    }
}

/// Whole microseconds; more than a row can say is as much as it can.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4)
}
