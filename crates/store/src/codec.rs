//! How lots and provenance are kept in a row: JSON that both databases can look into.

use farebox_engine::ledger::{Lot, LotTerms, Slice, Transfer};
use farebox_types::{Id, Timestamp};
use uuid::Uuid;

use crate::Fault;

/// Id, priority, expires_at, granted_at, remaining, held: an array, because the row is rewritten at every charge.
type LotJson = (Uuid, i16, Option<i64>, i64, i64, i64);

/// The open lots of an account.
pub(crate) fn encode_lots(lots: &[Lot]) -> String {
    let json = |lot: &Lot| -> LotJson {
        let (expires_at, granted_at) = (lot.expires_at.map(Timestamp::micros), lot.granted_at.micros());
        (lot.id.uuid(), lot.priority, expires_at, granted_at, lot.remaining, lot.held)
    };
    serde_json::to_string(&lots.iter().map(json).collect::<Vec<_>>()).unwrap_or_default()
}

pub(crate) fn decode_lots(text: &str) -> Result<Vec<Lot>, Fault> {
    let lots: Vec<LotJson> = serde_json::from_str(text).map_err(|error| Fault::corrupt("account", error))?;
    let lot = |(id, priority, expires_at, granted_at, remaining, held): LotJson| Lot {
        id: Id::from_uuid(id),
        priority,
        expires_at: expires_at.map(Timestamp::from_micros),
        granted_at: Timestamp::from_micros(granted_at),
        remaining,
        held,
    };
    Ok(lots.into_iter().map(lot).collect())
}

/// A transfer's lots: the one it opened, as `{"opens": [priority, expires_at]}`, or which paid it, in the order taken.
pub(crate) fn encode_transfer_lots(row: &Transfer) -> String {
    match row.opens {
        Some(terms) => {
            let opens = Opens { opens: (terms.priority, terms.expires_at.map(Timestamp::micros)) };
            serde_json::to_string(&opens).unwrap_or_default()
        }
        None => encode_slices(&row.provenance),
    }
}

pub(crate) fn decode_transfer_lots(text: &str) -> Result<(Vec<Slice>, Option<LotTerms>), Fault> {
    if !text.starts_with('{') {
        return Ok((decode_slices(text)?, None));
    }
    let Opens { opens: (priority, expires_at) } =
        serde_json::from_str(text).map_err(|error| Fault::corrupt("transfer", error))?;
    Ok((Vec::new(), Some(LotTerms { priority, expires_at: expires_at.map(Timestamp::from_micros) })))
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Opens {
    opens: (i16, Option<i64>),
}

fn encode_slices(slices: &[Slice]) -> String {
    let pairs: Vec<(Uuid, i64)> = slices.iter().map(|slice| (slice.lot.uuid(), slice.amount)).collect();
    serde_json::to_string(&pairs).unwrap_or_default()
}

fn decode_slices(text: &str) -> Result<Vec<Slice>, Fault> {
    let pairs: Vec<(Uuid, i64)> = serde_json::from_str(text).map_err(|error| Fault::corrupt("transfer", error))?;
    Ok(pairs.into_iter().map(|(lot, amount)| Slice { lot: Id::from_uuid(lot), amount }).collect())
}
