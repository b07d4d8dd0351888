//! Finding out, after the caller has its answer, what became of a payment whose outcome was unknown.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use farebox_engine::charge::UnknownPolicy;
use tokio::runtime::Handle;
use tracing::Instrument;

use crate::{
    answers::Run,
    flow::{Outcome, Unknown},
    hooks::{self, Told},
};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// About ten minutes in all.
const TRIES: u32 = 15;
/// Payments that are followed up at once; beyond that an unsettled hold runs out by itself.
const MOST: usize = 1024;

/// Those that are, by request id.
static OPEN: Mutex<BTreeSet<Arc<str>>> = Mutex::new(BTreeSet::new());

/// Among those that are followed up.
struct Place {
    request_id: Arc<str>,
}

enum NoPlace {
    Followed,
    Full,
}

impl Place {
    fn take(request_id: &str) -> Result<Self, NoPlace> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if open.contains(request_id) {
            return Err(NoPlace::Followed);
        }
        if open.len() >= MOST {
            return Err(NoPlace::Full);
        }
        let request_id: Arc<str> = request_id.into();
        open.insert(Arc::clone(&request_id));
        Ok(Self { request_id })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.request_id);
    }
}

/// A payment whose outcome is unknown, and what to do when it is known.
pub(crate) struct Open {
    pub(crate) unknown: Unknown,
    pub(crate) policy: UnknownPolicy,
    /// Keeps its answer.
    pub(crate) run: Option<Run>,
    pub(crate) told: Option<Told>,
}

/// Goes on asking in the background: for the money, where the answer was served or nothing can be given back; to give it
/// back, where it was withheld.
/// It ends with the process; an unsettled hold then runs out, and nothing is charged.
pub(crate) fn later(open: Open) {
    let place = match Place::take(open.unknown.request_id()) {
        Ok(place) => place,
        // Each time it is brought again, nobody can say: one asks.
        Err(NoPlace::Followed) => return,
        Err(NoPlace::Full) => return tracing::error!("too many payments are open to follow up another one"),
    };
    let work = async move {
        let _place = place;
        match open.policy {
            UnknownPolicy::Withhold if open.unknown.holds() && open.run.is_none() => give_back(&open.unknown).await,
            // What is signed for a chain may be taken whatever we do, and a kept answer waits for its money: only the end is
            // left to learn.
            UnknownPolicy::Withhold | UnknownPolicy::Serve => settle(open).await,
        }
    };
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(work.in_current_span())),
        Err(_) => tracing::warn!("no runtime is left to find out about a payment in"),
    }
}

async fn settle(open: Open) {
    let Open { mut unknown, run, told, .. } = open;
    let amount = unknown.amount();
    for pause in pauses() {
        tokio::time::sleep(pause).await;
        match unknown.ask_again().await {
            Outcome::Settled(settled) => {
                hooks::settled(run, told.as_ref(), amount, settled.receipt()).await;
                return tracing::info!("a payment that was open is settled");
            }
            Outcome::Refused(refused) => {
                if let Some(run) = run {
                    run.let_go().await;
                }
                let code = &*refused.refusal().code;
                return tracing::error!(
                    code,
                    "a payment that was open is refused: if its answer was served, it is not paid"
                );
            }
            Outcome::Unknown(still) => unknown = still,
        }
    }
    tracing::error!("a payment stays open: nobody can say whether it was taken");
}

async fn give_back(unknown: &Unknown) {
    for pause in pauses() {
        tokio::time::sleep(pause).await;
        if unknown.give_back().await {
            return tracing::info!("a withheld answer's hold is given back, unless it had been settled");
        }
    }
    tracing::error!("a withheld answer's hold could not be given back; unless it was settled, it runs out by itself");
}

fn pauses() -> impl Iterator<Item = Duration> {
    (0..TRIES).map(|tried| FIRST.saturating_mul(1 << tried.min(6)).min(LONGEST))
}
