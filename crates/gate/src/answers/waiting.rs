//! Waiting for whoever has the same payment in hand.

use std::time::{Duration, Instant};

use farebox_x402::Fault;

use super::{AnswerStore, Claim, Claimed};

const FIRST: Duration = Duration::from_millis(2);
const LONGEST: Duration = Duration::from_millis(200);
/// A request waits no longer than this for another's answer; then it is told to come again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Claims a payment, waiting while another request has it.
pub(crate) async fn claim(store: &dyn AnswerStore, claim: &Claim) -> Result<Claimed, Fault> {
    let until = Instant::now() + PATIENCE.min(claim.lease);
    let mut pause = FIRST;
    loop {
        match store.claim(claim).await? {
            Claimed::Busy if Instant::now() < until => tokio::time::sleep(pause).await,
            claimed => return Ok(claimed),
        }
        pause = (pause * 2).min(LONGEST);
    }
}
