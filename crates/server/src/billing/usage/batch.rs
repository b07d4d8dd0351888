//! `POST /v1/track/batch`: each event on its own; together they share the commits.

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
    let events = body.events.into_iter().enumerate();
    let recording = events.map(|(at, event)| record(desk, call, event, format!("{name}/{at}")));
    let mut results = Vec::new();
    for result in join_all(recording).await {
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
