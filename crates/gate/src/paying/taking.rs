//! Taking the money, and what is known of it then. Goes on to its end wherever it is awaited.

use std::time::Duration;

use farebox_engine::charge::{Answer as Goes, UnknownPolicy};
use farebox_telemetry::outcome;
use farebox_x402::{Fault, Receipt, Retry};

use super::{Paying, first::Paid, record, serving::Held};
use crate::{
    answer::{self, Own},
    answers::{Answer, Kept, Run},
    flow::{Outcome, Refused, Settled, Unknown, Verified},
    hooks::{self, Told},
    reconcile::{self, Open},
    settle::settle,
};

/// What has to be known of a request to take its money.
#[derive(Clone)]
pub(super) struct Asking {
    pub(super) policy: UnknownPolicy,
    pub(super) v1: bool,
    pub(super) told: Option<Told>,
    /// What was delivered already is asked for whatever the route says.
    pub(super) delivered: bool,
    /// The handler has not run: there is nothing to serve in doubt.
    pub(super) first: bool,
}

/// What became of the money; while nobody knows, the claim stays where the next who brings the payment finds it.
pub(super) enum Taken {
    Settled(Settled),
    Refused(Refused),
    Unknown(Doubt),
    /// The answer cannot be kept, so nothing was asked for.
    NotKept,
}

/// What goes out while nobody knows.
pub(super) struct Doubt {
    pub(super) goes: Goes,
    /// Instead of the answer.
    pub(super) pending: Box<Own>,
    pub(super) receipt: Box<Receipt>,
}

/// Why a handler that is paid first does not run.
pub(super) enum Unpaid {
    Refused(Refused),
    /// Nobody knows; this is the answer.
    Unknown(Box<Own>),
    NotKept,
}

impl Paying {
    pub(super) fn asking(&self) -> Asking {
        let told = self.told.clone();
        Asking { policy: self.fare.on_unknown, v1: self.v1, told, delivered: false, first: false }
    }
}

/// Keeps the answer, takes the money, and says so to whoever wants to know.
pub(super) async fn take(held: Held, answer: Option<Answer>, asking: Asking) -> Taken {
    let Held { verified, run } = held;
    let amount = verified.amount();
    let Ok((verified, run)) = kept(verified, run, answer).await else { return Taken::NotKept };
    match settle(verified).await {
        Outcome::Settled(settled) => {
            hooks::settled(run, asking.told.as_ref(), amount, settled.receipt()).await;
            Taken::Settled(settled)
        }
        Outcome::Refused(refused) => {
            if let Some(run) = run {
                run.let_go().await;
            }
            Taken::Refused(refused)
        }
        Outcome::Unknown(unknown) => Taken::Unknown(asking.in_doubt(unknown, run).await),
    }
}

/// Takes the money before the handler runs. Its claim stays open until there is an answer: whoever brings the payment before
/// that finds it paid, and unserved.
pub(super) async fn take_first(held: Held, asking: Asking) -> Result<Paid, Unpaid> {
    let Held { verified, run } = held;
    let (request_id, amount) = (verified.request_id().to_owned(), verified.amount());
    let Ok((verified, run)) = kept(verified, run, None).await else { return Err(Unpaid::NotKept) };
    match settle(verified).await {
        Outcome::Settled(settled) => {
            if let Some(told) = &asking.told {
                told.after_settle(amount, settled.receipt()).await;
            }
            Ok(Paid { settled, run, request_id, amount })
        }
        Outcome::Refused(refused) => {
            if let Some(run) = run {
                run.let_go().await;
            }
            Err(Unpaid::Refused(refused))
        }
        Outcome::Unknown(unknown) => {
            let asking = Asking { first: true, ..asking };
            Err(Unpaid::Unknown(asking.in_doubt(unknown, run).await.pending))
        }
    }
}

/// Keeps what there is before money is asked for; gives the hold back if that cannot be.
async fn kept(verified: Verified, run: Option<Run>, answer: Option<Answer>) -> Result<(Verified, Option<Run>), ()> {
    let Some(mut run) = run else { return Ok((verified, None)) };
    let (request_id, amount) = (verified.request_id().to_owned(), verified.amount());
    if run.keep(&Kept { request_id, amount, answer, receipt: None }).await {
        return Ok((verified, Some(run)));
    }
    verified.release().await;
    Err(())
}

impl Asking {
    /// Puts the claim down, goes on asking in the background, and says what goes out meanwhile.
    pub(super) async fn in_doubt(self, unknown: Unknown, run: Option<Run>) -> Doubt {
        record(outcome::UNKNOWN);
        let policy = self.policy(unknown.fault());
        let receipt = unknown.receipt();
        let pending = answer::pending(unknown.fault(), &receipt, self.v1).into();
        let doubt = Doubt { goes: unknown.answer(policy), pending, receipt: receipt.into() };
        let mut run = run;
        if let Some(run) = &mut run {
            run.put_down().await;
        }
        let open = match self.first {
            false => Open { unknown, policy, run, told: self.told },
            // Nobody was served. What is held is given back; what was signed for a chain is asked about by who brings it again.
            true if unknown.holds() => Open { unknown, policy: UnknownPolicy::Withhold, run: None, told: None },
            true => return doubt,
        };
        reconcile::later(open);
        doubt
    }

    /// Only what may yet be paid is served in doubt; a facilitator that will never take it is none to trust.
    fn policy(&self, fault: &Fault) -> UnknownPolicy {
        let policy = match fault.retry {
            _ if self.delivered => UnknownPolicy::Serve,
            Retry::Never => UnknownPolicy::Withhold,
            _ => self.policy,
        };
        tracing::error!(%policy, source = fault.source.as_deref(), "settling has no known outcome: {fault}");
        policy
    }
}

/// Why nothing was asked for.
pub(super) fn not_kept() -> Fault {
    let what = "the answer cannot be kept".to_owned();
    Fault { what, retry: Retry::After(Duration::from_secs(1)), source: None }
}
