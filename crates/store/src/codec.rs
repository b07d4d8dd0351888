//! How lots and provenance are kept in a row: JSON that both databases can look into.

use farebox_engine::ledger::{Lot, Slice};
use farebox_types::{Id, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Fault;

#[derive(Serialize, Deserialize)]
struct LotJson {
    id: Uuid,
    priority: i16,
    expires_at: Option<i64>,
    granted_at: i64,
    remaining: i64,
    held: i64,
}

/// The open lots of an account.
pub(crate) fn encode_lots(lots: &[Lot]) -> String {
    let json = |lot: &Lot| LotJson {
        id: lot.id.uuid(),
        priority: lot.priority,
        expires_at: lot.expires_at.map(Timestamp::micros),
        granted_at: lot.granted_at.micros(),
        remaining: lot.remaining,
        held: lot.held,
    };
    serde_json::to_string(&lots.iter().map(json).collect::<Vec<_>>()).unwrap_or_default()
}

pub(crate) fn decode_lots(text: &str) -> Result<Vec<Lot>, Fault> {
    let lots: Vec<LotJson> = serde_json::from_str(text).map_err(|error| Fault::corrupt("account", error))?;
    let lot = |json: LotJson| Lot {
        id: Id::from_uuid(json.id),
        priority: json.priority,
        expires_at: json.expires_at.map(Timestamp::from_micros),
        granted_at: Timestamp::from_micros(json.granted_at),
        remaining: json.remaining,
        held: json.held,
    };
    Ok(lots.into_iter().map(lot).collect())
}

/// Which lots paid a transfer, in the order taken.
pub(crate) fn encode_slices(slices: &[Slice]) -> String {
    let pairs: Vec<(Uuid, i64)> = slices.iter().map(|slice| (slice.lot.uuid(), slice.amount)).collect();
    serde_json::to_string(&pairs).unwrap_or_default()
}

pub(crate) fn decode_slices(text: &str) -> Result<Vec<Slice>, Fault> {
    let pairs: Vec<(Uuid, i64)> = serde_json::from_str(text).map_err(|error| Fault::corrupt("transfer", error))?;
    Ok(pairs.into_iter().map(|(lot, amount)| Slice { lot: Id::from_uuid(lot), amount }).collect())
}
