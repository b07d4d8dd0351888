//! Watches slots until nothing can change them: looks at the chain, decides, writes down, acts.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use farebox_engine::settlement::{Attempt, Intent, Outcome, Patience, PaymentKey, Purpose, Slot, SlotId, TxHash};
use farebox_evm::{
    Payment, Wallet,
    chain::{Chain, Fees, Signed},
};
use farebox_store::Store;
use farebox_types::{Clock, Id, Merchant, Timestamp};
use tokio::sync::mpsc;

use super::{Trouble, desk::Desk, evidence, rail::Move};

/// Slots in one look at most.
const MAX_LOOK: usize = 256;
/// The shortest pause between two looks at one slot.
const SOONEST: Duration = Duration::from_millis(4);
/// The pause while nothing is due.
const IDLE: Duration = Duration::from_secs(1);
/// The longest pause for a slot about which nothing can be told.
const LATEST: Duration = Duration::from_secs(60);

/// Payments by what they are.
type Payments = HashMap<PaymentKey, Arc<Payment>>;

/// A slot in the watch's hands.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) slot: Slot,
    pub(super) payments: Payments,
    pub(super) sent_at: Option<Timestamp>,
    /// Looks in a row that have led to nothing.
    pub(super) failures: u32,
    look_at: Timestamp,
    since: Timestamp,
}

impl Watched {
    /// What a lane has just written; `None` for a zero charge, which has no slot.
    pub(super) fn new(tenant: Id<Merchant>, intent: Intent, payments: Payments, now: Timestamp) -> Option<Self> {
        let id = intent.settlements.first()?.slot?;
        let attempts = intent.attempt.into_iter().collect();
        let slot = Slot { tenant, id, attempts, settlements: intent.settlements, created_at: now };
        Some(Self { slot, payments, sent_at: None, failures: 0, look_at: now, since: now })
    }

    /// What storage says; payments that are over have no evidence left, and need none.
    pub(super) fn read(slot: Slot, now: Timestamp) -> Self {
        let open = slot.settlements.iter().filter(|one| !one.evidence.is_empty());
        let payments = open.filter_map(|one| match evidence::read(&one.evidence) {
            Ok(payment) => Some((one.key, Arc::new(payment))),
            Err(what) => {
                tracing::error!(payment = %one.key, "a payment's evidence cannot be read: {what}");
                None
            }
        });
        Self { payments: payments.collect(), slot, sent_at: None, failures: 0, look_at: now, since: now }
    }

    /// The newest attempt's bytes.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        self.slot.attempts.last().map(|attempt| &attempt.raw[..]).filter(|raw| !raw.is_empty())
    }

    fn is_open(&self) -> bool {
        self.slot.settlements.iter().any(|one| one.outcome == Outcome::Unknown)
    }

    /// Leaves it alone for a second, then two, four, up to a minute: what cannot be told now must not take the others' time.
    pub(super) fn put_off(&mut self, now: Timestamp, trouble: &Trouble) {
        tracing::warn!(
            nonce = self.slot.id.nonce,
            "a settlement could not be followed up, to be tried again: {trouble}"
        );
        self.look_at = now.after((IDLE * (1 << self.failures.min(6))).min(LATEST));
        self.failures = self.failures.saturating_add(1);
    }

    /// A quarter of how long it has been watched: often at first, while somebody waits; then as often as blocks come; every two
    /// seconds once it is settled.
    fn pace(&self, now: Timestamp) -> Duration {
        let quarter = now.since(self.since) / 4;
        if self.is_open() { quarter.clamp(SOONEST, IDLE) } else { 2 * IDLE }
    }
}

/// A signed transaction as an attempt.
pub(super) fn attempt(signed: Signed, fees: Fees, purpose: Purpose, at: Timestamp) -> Attempt {
    let (max_fee, priority_fee) = (fees.max, fees.priority);
    Attempt { hash: TxHash::from_bytes(signed.hash), raw: signed.raw, max_fee, priority_fee, purpose, at }
}

/// One chain's watch.
pub(super) struct Watch {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) chain: Chain,
    pub(super) wallets: Vec<Wallet>,
    pub(super) patience: Patience,
    pub(super) desk: Desk,
    pub(super) moves: mpsc::Sender<Move>,
}

impl Watch {
    /// Watches what comes in until every sender has gone.
    pub(super) async fn run(self, mut coming: mpsc::Receiver<Vec<Watched>>) {
        let mut slots: BTreeMap<SlotId, Watched> = BTreeMap::new();
        loop {
            let pause = self.until_due(&slots);
            tokio::select! {
                more = coming.recv() => match more {
                    // What is watched already is known better here.
                    Some(more) => more.into_iter().for_each(|one| { slots.entry(one.slot.id).or_insert(one); }),
                    None => return,
                },
                () = tokio::time::sleep(pause) => {}
            }
            if let Err(trouble) = self.round(&mut slots).await {
                tracing::warn!("settlements could not be followed up, to be tried again: {trouble}");
                tokio::time::sleep(IDLE / 4).await;
            }
        }
    }

    fn until_due(&self, slots: &BTreeMap<SlotId, Watched>) -> Duration {
        let first = slots.values().map(|one| one.look_at).min();
        first.map_or(IDLE, |at| at.since(self.clock.now()).min(IDLE))
    }

    /// One look at everything that is due.
    async fn round(&self, slots: &mut BTreeMap<SlotId, Watched>) -> Result<(), Trouble> {
        let now = self.clock.now();
        let mut due: Vec<&mut Watched> = slots.values_mut().filter(|one| one.look_at <= now).take(MAX_LOOK).collect();
        if due.is_empty() {
            return Ok(());
        }
        for one in &mut due {
            one.look_at = now.after(one.pace(now));
        }
        let look = self.look(&due).await?;
        let decided = self.decide(due, &look, now).await;
        let closed = self.act(decided, now).await?;
        slots.retain(|id, _| !closed.contains(id));
        Ok(())
    }
}
