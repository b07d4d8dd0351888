//! Sends what is written down, in nonce order.

use std::sync::Arc;

use farebox_evm::chain::{Chain, Sent};
use farebox_types::Clock;
use tokio::sync::mpsc;

use super::watch::Watched;

/// Slots taken at once.
const MAX_BATCH: usize = 64;

/// Sends the newest attempt of each slot, one after the other: a node may work on a batch in any order, and some never mine a
/// transaction that overtook the one before it. What a node answers decides nothing: the chain is asked what became of it.
pub(super) async fn send(chain: &Chain, clock: &dyn Clock, slots: &mut [&mut Watched]) {
    let mut reachable = true;
    for slot in slots {
        slot.sent_at = Some(clock.now());
        let Some(raw) = slot.bytes().filter(|_| reachable) else { continue };
        match chain.send(&[raw]).await {
            Ok(answers) => {
                let refused = |answer: &Sent| !matches!(answer, Sent::Accepted | Sent::AlreadyKnown);
                if let Some(refused) = answers.into_iter().find(refused) {
                    tracing::warn!(?refused, "a node does not take a transaction, to be tried again");
                }
            }
            // The others are tried again with this one, soon.
            Err(fault) => {
                reachable = false;
                tracing::warn!("sending failed, to be tried again: {fault}");
            }
        }
    }
}

/// Sends what a lane has written and hands it to the watch, until the lane ends.
pub(super) async fn run(
    chain: Chain,
    clock: Arc<dyn Clock>,
    mut written: mpsc::Receiver<Vec<Watched>>,
    watch: mpsc::Sender<Vec<Watched>>,
) {
    while let Some(mut slots) = written.recv().await {
        while slots.len() < MAX_BATCH
            && let Ok(more) = written.try_recv()
        {
            slots.extend(more);
        }
        send(&chain, &*clock, &mut slots.iter_mut().collect::<Vec<_>>()).await;
        if watch.send(slots).await.is_err() {
            return;
        }
    }
}
