//! Forgets what requests were answered, a day later: a key may then name another request.
//!
//! Uses keep their names for ever; they are transfers. Device codes that nobody can use any more go as well.

use std::time::Duration;

use farebox_store::Fault;
use farebox_types::Timestamp;

use crate::Backend;

const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// A device code is good for ten minutes; who asks late is told so for a while.
const DEVICES_KEPT: Duration = Duration::from_secs(60 * 60);
/// Answers, or events, in one go.
const LIMIT: u32 = 500;
/// How long webhooks' events can be looked at and replayed.
const EVENTS_KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Forgets one batch of events that were told long ago, with their deliveries; true if there may be more.
pub(super) async fn events(backend: &Backend) -> bool {
    more(backend.store().forget_events(before(backend, EVENTS_KEPT), LIMIT).await)
}

/// Forgets one batch; true if there may be more.
pub(super) async fn step(backend: &Backend) -> bool {
    let answers = backend.store().forget_answers(before(backend, KEPT), LIMIT).await;
    let devices = backend.store().forget_device_codes(before(backend, DEVICES_KEPT), LIMIT).await;
    more(answers) | more(devices)
}

fn more(forgotten: Result<u64, Fault>) -> bool {
    match forgotten {
        Ok(forgotten) => forgotten == u64::from(LIMIT),
        Err(fault) => {
            tracing::warn!(error = %fault, "something old could not be forgotten, to be tried again");
            false
        }
    }
}

fn before(backend: &Backend, kept: Duration) -> Timestamp {
    Timestamp::from_micros(backend.now().micros().saturating_sub(micros(kept)))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
