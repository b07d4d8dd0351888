//! Amounts of a token on a chain, in its smallest unit.

use std::{fmt, str::FromStr};

use ruint::aliases::U256;

/// A token amount in atomic units: 10 000 of a token with six decimals are 0.01 of it. At most 2^256 − 1.
///
/// Arithmetic is checked; there is no way from or to a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct AtomicAmount(U256);

impl AtomicAmount {
    /// Nothing.
    pub const ZERO: Self = Self(U256::ZERO);
    /// The largest amount a chain can name.
    pub const MAX: Self = Self(U256::MAX);

    /// An amount from its units.
    #[must_use]
    pub const fn new(units: U256) -> Self {
        Self(units)
    }

    /// The units.
    #[must_use]
    pub const fn units(self) -> U256 {
        self.0
    }

    /// True for nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// Sum; `None` on overflow.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// Difference; `None` if it would be negative.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl AtomicAmount {
    /// So many parts of `of`, rounded down; `None` for parts of nothing, and above 2^256 − 1.
    #[must_use]
    pub fn portion(self, parts: u64, of: u64) -> Option<Self> {
        let (parts, of) = (U256::from(parts), U256::from(of));
        let (whole, rest) = (self.0.checked_div(of)?, self.0.checked_rem(of)?);
        // The rest is below `of`, so its product fits.
        whole.checked_mul(parts)?.checked_add((rest * parts).checked_div(of)?).map(Self)
    }
}

impl From<u64> for AtomicAmount {
    fn from(units: u64) -> Self {
        Self(U256::from(units))
    }
}

impl fmt::Display for AtomicAmount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A string that is not an amount in atomic units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an amount in atomic units: 1 to 78 decimal digits, below 2^256")]
pub struct BadAtomicAmount;

impl FromStr for AtomicAmount {
    type Err = BadAtomicAmount;

    /// ASCII digits only: no sign, exponent, point, separator or white space.
    fn from_str(text: &str) -> Result<Self, BadAtomicAmount> {
        let good = (1..=78).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if !good {
            return Err(BadAtomicAmount);
        }
        U256::from_str_radix(text, 10).map(Self).map_err(|_| BadAtomicAmount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_digits_are_amounts() {
        for text in
            ["", "-1", "+1", "1e4", "1.0", "0x10", "1_000", " 1", "1 ", "١٠٠٠٠", &"9".repeat(78), &"0".repeat(79)]
        {
            assert_eq!(text.parse::<AtomicAmount>(), Err(BadAtomicAmount), "{text}");
        }
        assert_eq!("10000".parse(), Ok(AtomicAmount::from(10_000)));
        assert_eq!(AtomicAmount::MAX.to_string().parse(), Ok(AtomicAmount::MAX));
    }

    #[test]
    fn a_portion_is_rounded_down_and_fits_whatever_the_amount() {
        assert_eq!(AtomicAmount::from(1_000).portion(3_750, 10_000), Some(375.into()));
        assert_eq!(AtomicAmount::from(7).portion(1, 2), Some(3.into()));
        assert_eq!(AtomicAmount::MAX.portion(10_000, 10_000), Some(AtomicAmount::MAX));
        assert_eq!(AtomicAmount::MAX.portion(2, 1), None);
        assert_eq!(AtomicAmount::from(7).portion(1, 0), None);
    }

    #[test]
    fn arithmetic_refuses_to_leave_the_range() {
        assert_eq!(AtomicAmount::MAX.checked_add(1.into()), None);
        assert_eq!(AtomicAmount::ZERO.checked_sub(1.into()), None);
    }
}
