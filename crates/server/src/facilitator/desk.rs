//! Payments that are being settled in this process: whoever brings one a second time waits for the first one's end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use farebox_engine::settlement::{Outcome, PaymentKey, TxHash};
use farebox_types::AtomicAmount;
use farebox_x402::Refusal;
use tokio::sync::watch;

use super::Trouble;

/// Payments in hand at once; more are refused, so memory stays bounded.
const MOST: usize = 10_000;

/// How far a payment has come.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    /// Nothing is written.
    Begun,
    /// Its intent is durable; `None` for a zero charge.
    Intended(Option<TxHash>),
    /// It is over here.
    Over(End),
}

/// How it ended.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// With what the chain says; never [`Outcome::Unknown`].
    Known {
        /// How.
        outcome: Outcome,
        /// What was to be taken.
        amount: AtomicAmount,
    },
    /// Nothing was written: the payment is not good.
    Refused(Refusal),
    /// Nothing is known to be written, or somebody else has it in hand.
    Broken(Trouble),
}

/// The payments in hand. Cheap to clone; clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Desk {
    open: Arc<Mutex<HashMap<PaymentKey, Hand>>>,
}

/// One payment in hand, and the one thing of our own that it pays for.
#[derive(Debug)]
struct Hand {
    pays_for: Option<String>,
    stage: watch::Sender<Stage>,
}

/// What came of putting a payment on the desk.
pub(super) enum Entered {
    /// The caller is the first, and must see that it is settled.
    First(watch::Receiver<Stage>),
    /// Somebody is at it.
    Joined(watch::Receiver<Stage>),
    /// Somebody is at it, for something else.
    Elsewhere,
    /// Too much is in hand.
    Full,
}

impl Desk {
    pub(super) fn enter(&self, key: PaymentKey, pays_for: Option<&str>) -> Entered {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hand) = open.get(&key) {
            let same = hand.pays_for.as_deref() == pays_for;
            return if same { Entered::Joined(hand.stage.subscribe()) } else { Entered::Elsewhere };
        }
        if open.len() >= MOST {
            return Entered::Full;
        }
        let (stage, receiver) = watch::channel(Stage::Begun);
        open.insert(key, Hand { pays_for: pays_for.map(ToOwned::to_owned), stage });
        Entered::First(receiver)
    }

    pub(super) fn intended(&self, key: PaymentKey, hash: Option<TxHash>) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hand) = open.get(&key) {
            hand.stage.send_replace(Stage::Intended(hash));
        }
    }

    /// Tells everyone who waits, if anyone does.
    pub(super) fn over(&self, key: PaymentKey, end: End) {
        let hand = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        if let Some(hand) = hand {
            hand.stage.send_replace(Stage::Over(end));
        }
    }

    /// Whether anyone still waits for it.
    pub(super) fn is_awaited(&self, key: PaymentKey) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&key).is_some_and(|hand| hand.stage.receiver_count() > 0)
    }
}
