//! Payments whose nonce something else has used up get another one.

use farebox_engine::settlement::{Outcome, Settlement, SlotId};
use tokio::sync::{mpsc, oneshot};

use super::{
    evidence,
    lane::{Job, Lane, WeakLane},
    rail::Move,
};

/// Gives what comes in to its signer's lane, until the watch ends. What fails here is found again when its slot's lease ends.
pub(super) async fn run(lanes: Vec<WeakLane>, mut moves: mpsc::Receiver<Move>) {
    while let Some((slot, keys)) = moves.recv().await {
        let lane = lanes.iter().find(|lane| lane.signer == slot.id.signer).and_then(WeakLane::upgrade);
        let Some(lane) = lane else { continue };
        for one in slot.settlements.iter().filter(|one| keys.contains(&one.key) && one.outcome == Outcome::Unknown) {
            if let Err(what) = give(&lane, slot.id, one).await {
                tracing::warn!(payment = %one.key, "a payment could not get another nonce, to be tried again: {what}");
            }
        }
    }
}

async fn give(lane: &Lane, from: SlotId, one: &Settlement) -> Result<(), String> {
    let payment = evidence::read(&one.evidence)?;
    let (reply, written) = oneshot::channel();
    lane.enqueue(Job {
        key: one.key,
        terms: one.terms.clone(),
        payment: payment.into(),
        evidence: one.evidence.clone(),
        name: None,
        pays_for: one.pays_for.clone(),
        from: Some(from),
        plain: false,
        reply,
    })
    .map_err(|trouble| trouble.what)?;
    written.await.map_err(|_| "the lane has ended".to_owned())?.map(drop).map_err(|trouble| trouble.what)
}
