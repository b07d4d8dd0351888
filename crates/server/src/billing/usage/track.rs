//! `POST /v1/track`: what happened is recorded, once under its key.

use std::time::Duration;

use farebox_api::{OnInsufficient, Time, Track};
use farebox_store::billing::{Insufficient, Use};

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    customer, positive, teller,
};

/// Clocks of callers may be so much ahead of ours.
const AHEAD: Duration = Duration::from_secs(300);

pub(in crate::billing) async fn track(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: Track = call.body()?;
    let insufficient = policy(&body);
    let one = usage(desk, call, body, &call.name().key).await?;
    if !call.representation {
        let recorded = desk.billing.track(call.tenant, &one, insufficient, &call.actor).await?;
        return Ok(Reply { replayed: recorded.replayed, ..Reply::nothing() });
    }
    let tell = teller(one.customer);
    let told = desk.billing.track_telling(call.tenant, &one, insufficient, (&call.actor, &tell)).await?;
    Ok(Reply { status: 200, body: told.words, replayed: told.replayed })
}

pub(super) fn policy(track: &Track) -> Insufficient {
    match track.on_insufficient {
        None | Some(OnInsufficient::Record) => Insufficient::Record,
        Some(OnInsufficient::Reject) => Insufficient::Reject,
    }
}

/// The event, named by its dedup key, else by the request's own.
pub(super) async fn usage(desk: &Desk, call: &Call, track: Track, name: &str) -> Result<Use, Denial> {
    let value = positive("/value", track.value)?;
    let good = |key: &String| !key.is_empty() && key.len() <= 255 && key.bytes().all(|byte| byte.is_ascii_graphic());
    if track.dedup_key.as_ref().is_some_and(|key| !good(key)) {
        return Err(Denial::member("/dedup_key", "must be 1 to 255 visible ASCII characters"));
    }
    let occurred_at = track.occurred_at.map(Time::timestamp);
    if let Some(at) = occurred_at
        && at > desk.now(call.tenant).await?.after(AHEAD)
    {
        return Err(Denial::member("/occurred_at", "must not be more than five minutes in the future"));
    }
    Ok(Use {
        customer: customer(desk, call, track.customer_id, track.subscription_id).await?,
        feature_code: track.feature_code.to_string(),
        value,
        key: track.dedup_key.unwrap_or_else(|| name.to_owned()),
        occurred_at,
    })
}
