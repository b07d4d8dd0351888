//! Ids on the credits wire: one decimal uint256 that carries its tenant.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use super::{BadId, Id, Kind, Merchant};

/// A plan or agent as the credits wire names it: a decimal uint256 made of tenant (high 128 bits) and id (low 128 bits).
///
/// Public calls of that wire carry no credential, so the id itself must say which tenant to look in.
pub struct PublicId<K> {
    /// The merchant that owns the thing.
    pub tenant: Id<Merchant>,
    /// The thing, within that merchant.
    pub id: Id<K>,
}

impl<K> PublicId<K> {
    /// Names `id` of `tenant`.
    #[must_use]
    pub const fn new(tenant: Id<Merchant>, id: Id<K>) -> Self {
        Self { tenant, id }
    }
}

impl<K> fmt::Display for PublicId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut limbs = split(self.tenant.uuid().as_u128(), self.id.uuid().as_u128());
        let mut groups = Vec::with_capacity(9);
        while limbs.iter().any(|limb| *limb != 0) {
            groups.push(divide(&mut limbs, GROUP));
        }
        match groups.pop() {
            None => f.write_str("0"),
            Some(first) => {
                write!(f, "{first}")?;
                groups.iter().rev().try_for_each(|group| write!(f, "{group:09}"))
            }
        }
    }
}

impl<K: Kind> FromStr for PublicId<K> {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId { prefix: K::PREFIX };
        let plain = !text.is_empty() && text.len() <= 78 && text.bytes().all(|b| b.is_ascii_digit());
        if !plain || (text.len() > 1 && text.starts_with('0')) {
            return Err(bad);
        }
        let mut limbs = [0_u32; 8];
        for digit in text.bytes() {
            let mut carry = u64::from(digit - b'0');
            for limb in limbs.iter_mut().rev() {
                let wide = u64::from(*limb) * 10 + carry;
                *limb = low(wide);
                carry = wide >> 32;
            }
            if carry != 0 {
                return Err(bad);
            }
        }
        let (tenant, id) = join(limbs);
        Ok(Self::new(Id::from_uuid(Uuid::from_u128(tenant)), Id::from_uuid(Uuid::from_u128(id))))
    }
}

const GROUP: u64 = 1_000_000_000;

fn low(wide: u64) -> u32 {
    u32::try_from(wide & u64::from(u32::MAX)).unwrap_or_default()
}

fn split(high: u128, id: u128) -> [u32; 8] {
    let mut limbs = [0_u32; 8];
    let bytes = high.to_be_bytes().into_iter().chain(id.to_be_bytes());
    for (at, byte) in bytes.enumerate() {
        limbs[at / 4] = limbs[at / 4] << 8 | u32::from(byte);
    }
    limbs
}

fn join(limbs: [u32; 8]) -> (u128, u128) {
    let wide = |half: &[u32]| half.iter().fold(0_u128, |sum, limb| sum << 32 | u128::from(*limb));
    (wide(&limbs[..4]), wide(&limbs[4..]))
}

/// Divides in place and returns the remainder.
fn divide(limbs: &mut [u32; 8], by: u64) -> u64 {
    let mut rest = 0_u64;
    for limb in limbs {
        let wide = rest << 32 | u64::from(*limb);
        *limb = low(wide / by);
        rest = wide % by;
    }
    rest
}

// Derives would ask the same of `K`, which is only a name.
impl<K> Clone for PublicId<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for PublicId<K> {}
impl<K> PartialEq for PublicId<K> {
    fn eq(&self, other: &Self) -> bool {
        self.tenant == other.tenant && self.id == other.id
    }
}
impl<K> Eq for PublicId<K> {}
impl<K> fmt::Debug for PublicId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Plan, *};

    fn public(tenant: u128, id: u128) -> PublicId<Plan> {
        PublicId::new(Id::from_uuid(Uuid::from_u128(tenant)), Id::from_uuid(Uuid::from_u128(id)))
    }

    #[test]
    fn the_largest_id_is_the_largest_uint256() {
        let text = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(public(u128::MAX, u128::MAX).to_string(), text);
        assert_eq!(text.parse(), Ok(public(u128::MAX, u128::MAX)));
    }

    #[test]
    fn what_is_not_a_uint256_is_refused() {
        let over = "115792089237316195423570985008687907853269984665640564039457584007913129639936";
        for text in ["", "-1", "+1", "1e4", "0x10", " 1", "01", "١٢", over] {
            assert!(text.parse::<PublicId<Plan>>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_id_reads_back_what_it_prints(tenant: u128, id: u128) {
            let it = public(tenant, id);
            prop_assert_eq!(it.to_string().parse(), Ok(it));
        }
    }
}
