//! `POST /v1/track/batch`: each event on its own; together they share the commits.

use std::collections::HashSet;

use farebox_api::{BatchResult, BatchResults, BatchStatus, Track, TrackBatch};
use futures_util::future::join_all;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    track::{policy, usage},
};

const MOST: usize = 1000;

pub(in crate::billing) async fn batch(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: TrackBatch = call.body()?;
    if body.events.is_empty() || body.events.len() > MOST {
        return Err(Denial::member("/events", "must be 1 to 1000"));
    }
    let name = call.name().key;
    // Of equal keys in one batch the first is recorded: the others wait for it.
    let mut keys = HashSet::new();
    let events = body.events.into_iter().enumerate();
    let (firsts, others): (Vec<_>, Vec<_>) =
        events.partition(|(_, event)| event.dedup_key.as_ref().is_none_or(|key| keys.insert(key.clone())));
    let mut recorded = Vec::with_capacity(firsts.len() + others.len());
    for wave in [firsts, others] {
        let recording = wave.into_iter().map(|(at, event)| {
            let name = format!("{name}/{at}");
            async move { (at, record(desk, call, event, name).await) }
        });
        recorded.extend(join_all(recording).await);
    }
    recorded.sort_unstable_by_key(|(at, _)| *at);
    let mut results = Vec::new();
    for (_, result) in recorded {
        results.push(match result {
            Ok(true) => BatchResult { status: BatchStatus::Duplicate, problem: None },
            Ok(false) => BatchResult { status: BatchStatus::Recorded, problem: None },
            Err(denial) => {
                let problem = Some(denial.problem(&call.path, &call.request_id));
                BatchResult { status: BatchStatus::Rejected, problem }
            }
        });
    }
    Ok(Reply::ok(&BatchResults { results })?)
}

/// True if it was recorded before.
async fn record(desk: &Desk, call: &Call, event: Track, name: String) -> Result<bool, Denial> {
    let insufficient = policy(&event);
    let one = usage(desk, call, event, &name).await?;
    Ok(desk.billing.track(call.tenant, &one, insufficient, &call.actor).await?.replayed)
}
