//! Fixed-point amounts of anything that is counted: credits, units of a feature.

use std::{fmt, str::FromStr};

/// A non-negative amount in millionths (10⁻⁶): `Quantity::ONE` is 1 000 000 inside. At most about 9.2 · 10¹² units.
///
/// Arithmetic is checked and never rounds; there is no way from or to a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Quantity(i64);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// One whole unit.
    pub const ONE: Self = Self(SCALE);
    /// The largest amount that exists.
    pub const MAX: Self = Self(i64::MAX);

    /// An amount from its millionths; `None` if negative.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Option<Self> {
        if micros < 0 { None } else { Some(Self(micros)) }
    }

    /// A whole number of units; `None` if too large.
    #[must_use]
    pub const fn from_units(units: u64) -> Option<Self> {
        if units > (i64::MAX / SCALE).unsigned_abs() {
            return None;
        }
        Some(Self(units.cast_signed() * SCALE))
    }

    /// The millionths, never negative.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The whole units, if there is no fraction.
    #[must_use]
    pub const fn whole_units(self) -> Option<u64> {
        if self.0 % SCALE == 0 { Some((self.0 / SCALE).unsigned_abs()) } else { None }
    }

    /// True for nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Sum; `None` on overflow.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// Difference; `None` if it would be negative.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        Self::from_micros(self.0 - other.0)
    }
}

const SCALE: i64 = 1_000_000;

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, micros) = (self.0 / SCALE, self.0 % SCALE);
        if micros == 0 {
            return write!(f, "{units}");
        }
        let fraction = format!("{micros:06}");
        write!(f, "{units}.{}", fraction.trim_end_matches('0'))
    }
}

/// A string that is not a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a quantity: decimal digits, at most 6 of them after the point, and no more than 9223372036854")]
pub struct BadQuantity;

impl FromStr for Quantity {
    type Err = BadQuantity;

    /// ASCII digits with at most six decimals: no sign, exponent, separator or white space.
    fn from_str(text: &str) -> Result<Self, BadQuantity> {
        let (units, fraction) = match text.split_once('.') {
            Some((units, fraction)) if !fraction.is_empty() => (units, fraction),
            Some(_) => return Err(BadQuantity),
            None => (text, ""),
        };
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if units.is_empty() || fraction.len() > 6 || !digits(units) || !digits(fraction) {
            return Err(BadQuantity);
        }
        let units: i64 = units.parse().map_err(|_| BadQuantity)?;
        let micros: i64 = format!("{fraction:0<6}").parse().map_err(|_| BadQuantity)?;
        let total = units.checked_mul(SCALE).and_then(|whole| whole.checked_add(micros));
        total.map(Self).ok_or(BadQuantity)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_plain_decimals_are_quantities() {
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e4", "1 ", "1_000", "١", "1.0000001", "9223372036855"] {
            assert_eq!(text.parse::<Quantity>(), Err(BadQuantity), "{text}");
        }
        assert_eq!("0.000001".parse(), Ok(Quantity(1)));
        assert_eq!("12.5".parse(), Ok(Quantity(12_500_000)));
    }

    #[test]
    fn arithmetic_refuses_to_leave_the_range() {
        assert_eq!(Quantity::MAX.checked_add(Quantity(1)), None);
        assert_eq!(Quantity::ZERO.checked_sub(Quantity(1)), None);
        assert_eq!(Quantity::from_units(u64::MAX), None);
    }

    proptest! {
        #[test]
        fn a_quantity_reads_back_what_it_prints(micros in 0..=i64::MAX) {
            let quantity = Quantity(micros);
            prop_assert_eq!(quantity.to_string().parse(), Ok(quantity));
        }
    }
}
