//! Forgets what requests were answered, a day later: a key may then name another request.
//!
//! Uses keep their names for ever; they are transfers.

use std::time::Duration;

use farebox_types::Timestamp;

use crate::Backend;

const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Answers, or events, in one go.
const LIMIT: u32 = 500;
/// How long webhooks' events can be looked at and replayed.
const EVENTS_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Forgets one batch of events that were told long ago, with their deliveries; true if there may be more.
pub(super) async fn events(backend: &Backend) -> bool {
    let before = Timestamp::from_micros(backend.now().micros().saturating_sub(micros(EVENTS_KEPT)));
    match backend.store().forget_events(before, LIMIT).await {
        Ok(forgotten) => forgotten == u64::from(LIMIT),
        Err(fault) => {
            tracing::warn!(error = %fault, "webhooks' events could not be forgotten, to be tried again");
            false
        }
    }
}

/// Forgets one batch; true if there may be more.
pub(super) async fn step(backend: &Backend) -> bool {
    let before = Timestamp::from_micros(backend.now().micros().saturating_sub(micros(KEPT)));
    match backend.store().forget_answers(before, LIMIT).await {
        Ok(forgotten) => forgotten == u64::from(LIMIT),
        Err(fault) => {
            tracing::warn!(error = %fault, "answers could not be forgotten, to be tried again");
            false
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
