//! `POST /v1/track`: what happened is recorded, once under its key.

use std::time::Duration;

use farebox_api::{Amount, OnInsufficient, Time, Track};
use farebox_store::billing::{Insufficient, Use};
use farebox_types::Quantity;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    customer, teller,
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

/// A use that has no key of its own is named by its request. No caller's key has a space: the two never meet.
pub(super) fn unnamed(request: &str) -> String {
    format!(" {request}")
}

pub(super) fn policy(track: &Track) -> Insufficient {
    match track.on_insufficient {
        None | Some(OnInsufficient::Record) => Insufficient::Record,
        Some(OnInsufficient::Reject) => Insufficient::Reject,
    }
}

/// How much, and whether that takes back.
fn size(value: Amount) -> Result<(Quantity, bool), Denial> {
    let size = value.micros().checked_abs().and_then(Quantity::from_micros);
    Ok((size.ok_or_else(|| Denial::member("/value", "is too small"))?, value.micros() < 0))
}

/// The event, named by its dedup key, else by the request's own.
pub(super) async fn usage(desk: &Desk, call: &Call, track: Track, name: &str) -> Result<Use, Denial> {
    let (value, back) = size(track.value)?;
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
        back,
        properties: track.properties.into_texts(),
        key: track.dedup_key.unwrap_or_else(|| unnamed(name)),
        occurred_at,
    })
}
