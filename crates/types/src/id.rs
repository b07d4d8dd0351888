//! Typed ids: UUIDv7 inside, `prefix_<32 hex>` on our own surface.

use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr};

use uuid::Uuid;

mod public;
pub use public::PublicId;

/// What an [`Id`] names; the prefix is what people see.
pub trait Kind {
    /// Lower-case letters that lead the printed id, without the underscore.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {}
        impl Kind for $name {
            const PREFIX: &'static str = $prefix;
        }
    )*};
}

kinds! {
    /// The tenant: whoever sells.
    Merchant = "mer";
    /// What a buyer orders: credits and the rules that burn them.
    Plan = "pln";
    /// A service that plans give access to.
    Agent = "agt";
    /// A buyer's standing permission to spend, with limits.
    Delegation = "dlg";
    /// A key of the credits API (`local:<jwt>`).
    ApiKey = "key";
    /// A token of the management API (`pl_test_…`, `pl_live_…`).
    ApiToken = "tok";
    /// Something that can be paid for, registered with a facilitator.
    Resource = "res";
    /// A one-off on a card rail.
    Payment = "pay";
    /// Money of a payment that goes back.
    Refund = "rfd";
    /// Credits granted together, with one priority and one expiry.
    Lot = "lot";
}

/// An id of one kind: 16 bytes, ordered by creation time, printed `prefix_<32 hex>`.
///
/// Parsed, never converted from a bare string.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

impl<K> Id<K> {
    /// A new id: UUIDv7, so ids sort by creation time.
    #[must_use]
    pub fn generate() -> Self {
        Self::from_uuid(Uuid::now_v7())
    }

    /// An id read back from storage.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The 16 bytes that storage keeps.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", K::PREFIX, self.0.simple())
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A string that is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_<32 hex digits>")]
pub struct BadId {
    prefix: &'static str,
}

impl<K: Kind> FromStr for Id<K> {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId { prefix: K::PREFIX };
        let hex = text.strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(bad)?;
        let canonical = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if !canonical {
            return Err(bad);
        }
        Uuid::try_parse(hex).map(Self::from_uuid).map_err(|_| bad)
    }
}

// Derives would ask the same of `K`, which is only a name.
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_prints() {
        let id = Id::<Plan>::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn another_kinds_id_is_refused() {
        let id = Id::<Plan>::generate();
        assert!(id.to_string().parse::<Id<Agent>>().is_err());
    }

    #[test]
    fn an_id_has_one_spelling() {
        let upper = Id::<Plan>::from_uuid(Uuid::from_u128(0xAB)).to_string().to_uppercase();
        assert!(upper.parse::<Id<Plan>>().is_err());
        assert!("pln_zz".parse::<Id<Plan>>().is_err());
        assert!("".parse::<Id<Plan>>().is_err());
    }
}
