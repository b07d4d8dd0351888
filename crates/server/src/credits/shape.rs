//! Small shapes that many answers share.

use farebox_engine::ledger::TransferId;
use farebox_types::{PublicId, Quantity, Timestamp};

/// A ledger transfer where the wire wants a transaction hash: its id, padded to 32 bytes.
pub(crate) fn transfer_hash(id: TransferId) -> String {
    format!("0x{:064x}", id.uuid().as_u128())
}

/// A registration where the wire wants a transaction hash: the public id's 32 bytes.
pub(crate) fn registration_hash<K>(id: PublicId<K>) -> String {
    format!("0x{}{}", id.tenant.uuid().simple(), id.id.uuid().simple())
}

/// Whole credits in a balance; a part of one is left out.
pub(crate) fn whole_credits(balance: i64) -> i64 {
    balance.max(0) / Quantity::ONE.micros()
}

/// A balance as an amount; nothing if it is below zero.
pub(crate) fn quantity(micros: i64) -> Quantity {
    Quantity::from_micros(micros).unwrap_or_default()
}

/// `2026-11-21T02:10:00Z`, to the second.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    let seconds = at.seconds();
    let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Gregorian date of a day counted from 1970-01-01. Years are counted from March, so that a leap day comes last.
fn date(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(ERA), shifted.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / (ERA - 1)) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn times_print_as_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_seconds(seconds)), text);
        }
    }

    #[test]
    fn a_transfer_hash_is_32_bytes_and_holds_the_id() {
        let hash = transfer_hash(TransferId::from_uuid(Uuid::from_u128(0xAB)));
        assert_eq!(hash.len(), 66);
        assert!(hash.starts_with("0x0000") && hash.ends_with("0ab"));
    }

    #[test]
    fn a_balance_counts_whole_credits_only() {
        assert_eq!(whole_credits(2_999_999), 2);
        assert_eq!(whole_credits(-1), 0);
    }
}
