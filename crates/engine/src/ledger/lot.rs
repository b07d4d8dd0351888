//! Lots: credits that were granted together, and the order in which they burn.

use std::cmp::Ordering;

use farebox_types::{Id, Lot as LotKind, Quantity, Timestamp};

use super::Unit;

/// An account holds at most this many open lots; a further grant is refused.
pub const MAX_OPEN_LOTS: usize = 256;

/// The most that an account may have after a grant, in millionths; half of what it could hold, so that sums still fit.
pub const MAX_GRANTED: i64 = Quantity::MAX.micros() / 2;
/// So many of them are kept for windows, in accounts that have windows: no grant may keep a renewal from finding room.
const FOR_WINDOWS: usize = 32;

/// How many lots an account may have open after a grant.
pub(super) const fn most_granted(unit: Unit) -> usize {
    match unit {
        Unit::Metered(_) => MAX_OPEN_LOTS - FOR_WINDOWS,
        _ => MAX_OPEN_LOTS,
    }
}

/// Credits granted together. Its id is that of the transfer that granted it, so what was granted is that transfer's amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// The granting transfer.
    pub id: Id<LotKind>,
    /// Lower burns first.
    pub priority: i16,
    /// Unusable from then on.
    pub expires_at: Option<Timestamp>,
    /// When it was granted.
    pub granted_at: Timestamp,
    /// Free to burn.
    pub remaining: i64,
    /// Taken by outstanding holds.
    pub held: i64,
}

/// How a lot was opened; the transfer that granted it keeps this, for what comes back after it was used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotTerms {
    /// Lower burns first.
    pub priority: i16,
    /// Unusable from then on.
    pub expires_at: Option<Timestamp>,
}

/// What one lot gave to a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// The lot.
    pub lot: Id<LotKind>,
    /// How much, above 0.
    pub amount: i64,
}

impl Lot {
    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.remaining == 0 && self.held == 0
    }
}

/// Priority first, then what expires soonest (never last), then what was granted first, then the id.
pub(super) fn burn_order(a: &Lot, b: &Lot) -> Ordering {
    let soonest = |lot: &Lot| lot.expires_at.map_or(i64::MAX, Timestamp::micros);
    (a.priority, soonest(a), a.granted_at, a.id).cmp(&(b.priority, soonest(b), b.granted_at, b.id))
}

/// Takes up to `amount` from unexpired lots in burn order and says which gave what. The rest, if any, no lot covers.
pub(super) fn take(lots: &mut [Lot], amount: i64, now: Timestamp, hold: bool) -> Vec<Slice> {
    let mut left = amount;
    let mut slices = Vec::new();
    for lot in lots.iter_mut().filter(|lot| !lot.is_expired(now) && lot.remaining > 0) {
        let amount = left.min(lot.remaining);
        if amount == 0 {
            break;
        }
        lot.remaining -= amount;
        if hold {
            lot.held += amount;
        }
        left -= amount;
        slices.push(Slice { lot: lot.id, amount });
    }
    slices
}

/// Splits a hold's provenance: the slices that `used` consumes, in the order they were taken, and the rest.
pub(super) fn split(provenance: &[Slice], used: i64) -> (Vec<Slice>, Vec<Slice>) {
    let (mut spent, mut rest, mut left) = (Vec::new(), Vec::new(), used);
    for slice in provenance {
        let amount = left.min(slice.amount);
        left -= amount;
        if amount > 0 {
            spent.push(Slice { amount, ..*slice });
        }
        if amount < slice.amount {
            rest.push(Slice { amount: slice.amount - amount, ..*slice });
        }
    }
    (spent, rest)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn lot(id: u128, priority: i16, expires: Option<i64>, remaining: i64) -> Lot {
        let expires_at = expires.map(Timestamp::from_seconds);
        let granted_at = Timestamp::from_seconds(0);
        Lot { id: Id::from_uuid(Uuid::from_u128(id)), priority, expires_at, granted_at, remaining, held: 0 }
    }

    #[test]
    fn priority_burns_first_then_the_soonest_expiry_then_the_oldest() {
        let mut lots = [lot(1, 1, None, 5), lot(2, 0, None, 5), lot(3, 0, Some(9), 5), lot(4, 0, Some(5), 5)];
        lots.sort_by(burn_order);
        let order: Vec<u128> = lots.iter().map(|lot| lot.id.uuid().as_u128()).collect();
        assert_eq!(order, [4, 3, 2, 1]);
    }

    #[test]
    fn an_expired_lot_gives_nothing() {
        let mut lots = [lot(1, 0, Some(5), 5), lot(2, 0, None, 5)];
        let slices = take(&mut lots, 7, Timestamp::from_seconds(5), false);
        assert_eq!(slices.iter().map(|slice| slice.amount).collect::<Vec<_>>(), [5]);
        assert_eq!(lots[0].remaining, 5);
    }

    #[test]
    fn a_split_spends_in_the_order_taken() {
        let slice = |id, amount| Slice { lot: Id::from_uuid(Uuid::from_u128(id)), amount };
        let (spent, rest) = split(&[slice(1, 3), slice(2, 4)], 5);
        assert_eq!(spent, [slice(1, 3), slice(2, 2)]);
        assert_eq!(rest, [slice(2, 2)]);
    }
}
