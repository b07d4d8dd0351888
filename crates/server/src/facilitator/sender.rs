//! Sends what is written down, in nonce order, many transactions in one batch.

use std::sync::Arc;

use farebox_evm::chain::{Chain, Sent};
use farebox_types::Clock;
use tokio::sync::mpsc;

use super::watch::Watched;

/// Transactions in one batch at most.
const MAX_BATCH: usize = 64;

/// Sends the newest attempt of each slot. What a node answers decides nothing: the chain is asked what became of it.
pub(super) async fn send(chain: &Chain, clock: &dyn Clock, slots: &mut [&mut Watched]) {
    for some in slots.chunks_mut(MAX_BATCH) {
        let raws: Vec<&[u8]> = some.iter().filter_map(|one| one.bytes()).collect();
        let answers = match chain.send(&raws).await {
            Ok(answers) => answers,
            Err(fault) => {
                tracing::warn!(transactions = raws.len(), "sending failed, to be tried again: {fault}");
                Vec::new()
            }
        };
        let now = clock.now();
        for slot in some {
            slot.sent_at = Some(now);
        }
        for refused in answers.into_iter().filter(|answer| !matches!(answer, Sent::Accepted | Sent::AlreadyKnown)) {
            tracing::warn!(?refused, "a node does not take a transaction, to be tried again");
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
