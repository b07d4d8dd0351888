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
    let one = usage(desk, call, body, &of_request(&call.name().key)).await?;
    if !call.representation {
        let recorded = desk.billing.track(call.tenant, &one, insufficient, &call.actor).await?;
        return Ok(Reply { replayed: recorded.replayed, ..Reply::nothing() });
    }
    let tell = teller(one.customer);
    let told = desk.billing.track_telling(call.tenant, &one, insufficient, (&call.actor, &tell)).await?;
    Ok(Reply { status: 200, body: told.words, replayed: told.replayed })
}

// Uses have their names for ever, and share one space of them: what a caller calls an event, what a request is called, the
// place in a batch. Where two could meet, one is told apart by a word and a space, which no caller's key has. All others are
// what they were in every version: a repeat finds its use.

/// The name of a use that its caller named; requests are called `key:…` or `once:…`.
fn of_event(dedup_key: String) -> String {
    let like_a_request = ["key:", "once:"].iter().any(|prefix| dedup_key.starts_with(prefix));
    if like_a_request { format!("event {dedup_key}") } else { dedup_key }
}

/// The name of a use that its request names; events of a batch are called `…/0` and so on.
pub(super) fn of_request(name: &str) -> String {
    let place = name.rsplit_once('/').map(|(_, place)| place);
    let like_a_place = place.is_some_and(|place| !place.is_empty() && place.bytes().all(|byte| byte.is_ascii_digit()));
    if like_a_place { format!("request {name}") } else { name.to_owned() }
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

/// The event, named by its dedup key, else `name`.
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
        key: track.dedup_key.map_or_else(|| name.to_owned(), of_event),
        occurred_at,
    })
}
