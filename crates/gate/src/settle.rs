//! Settling, and asking again while nobody knows.

use std::time::Duration;

use farebox_x402::Retry;

use crate::flow::{Outcome, Verified};

/// Before the second and the third try.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];
/// A payer is not kept waiting longer for another try, whatever the facilitator asks for.
const LONGEST: Duration = Duration::from_secs(1);

/// Takes the amount; asks up to three times in all, always with the same request id, while the outcome is unknown.
pub(crate) async fn settle(verified: Verified) -> Outcome {
    let mut outcome = verified.settle().await;
    for pause in PAUSES {
        let unknown = match outcome {
            Outcome::Unknown(unknown) => unknown,
            known => return known,
        };
        let fault = unknown.fault();
        let wait = match fault.retry {
            Retry::Never => return Outcome::Unknown(unknown),
            Retry::After(wait) => wait.clamp(pause, LONGEST),
            Retry::Unknown => pause,
        };
        tracing::warn!("settling is not known to have worked, asking again: {fault}");
        tokio::time::sleep(wait).await;
        outcome = unknown.ask_again().await;
    }
    outcome
}
