//! Quantities as JSON numbers, read and written exactly.

use std::{fmt, str::FromStr};

use farebox_types::Quantity;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::value::RawValue;

const SCALE: i64 = 1_000_000;

/// A signed amount with at most six decimals, at most about ±9.2 · 10¹² units: a JSON number that never becomes a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Amount(i64);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount from its millionths.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// The millionths.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// A whole number of units; `None` if too large.
    #[must_use]
    pub const fn from_units(units: i64) -> Option<Self> {
        match units.checked_mul(SCALE) {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// The same amount as the ledger has it; `None` if negative.
    #[must_use]
    pub const fn quantity(self) -> Option<Quantity> {
        Quantity::from_micros(self.0)
    }
}

impl From<Quantity> for Amount {
    fn from(quantity: Quantity) -> Self {
        Self(quantity.micros())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (units, micros) =
            (self.0.unsigned_abs() / SCALE.unsigned_abs(), self.0.unsigned_abs() % SCALE.unsigned_abs());
        let sign = if self.0 < 0 { "-" } else { "" };
        if micros == 0 {
            return write!(f, "{sign}{units}");
        }
        let fraction = format!("{micros:06}");
        write!(f, "{sign}{units}.{}", fraction.trim_end_matches('0'))
    }
}

/// A text that is not an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an amount: a JSON number with at most 6 decimals, between -9223372036854 and 9223372036854")]
pub struct BadAmount;

impl FromStr for Amount {
    type Err = BadAmount;

    /// Any spelling that JSON has for a number, exponents included, if it stands for an exact amount.
    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| BadAmount)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let point = mantissa.contains('.');
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let bare = whole.is_empty() || (point && fraction.is_empty()) || (whole.len() > 1 && whole.starts_with('0'));
        if bare || !digits(whole) || !digits(fraction) {
            return Err(BadAmount);
        }
        let micros = scaled(&format!("{whole}{fraction}"), fraction.len(), exponent).ok_or(BadAmount)?;
        Ok(Self(if negative { -micros } else { micros }))
    }
}

/// `digits`, of which `decimals` stand after the point, times 10^(exponent + 6); `None` if that is not a whole `i64`.
fn scaled(digits: &str, decimals: usize, exponent: i32) -> Option<i64> {
    let significant = digits.trim_start_matches('0');
    let kept = significant.trim_end_matches('0');
    if kept.is_empty() {
        return Some(0);
    }
    let dropped = i64::try_from(significant.len() - kept.len()).ok()?;
    let shift = i64::from(exponent) + 6 - i64::try_from(decimals).ok()? + dropped;
    let shift = u32::try_from(shift).ok().filter(|shift| *shift <= 19)?;
    let value: i128 = kept.get(..).filter(|kept| kept.len() <= 19)?.parse().ok()?;
    i64::try_from(value.checked_mul(10_i128.checked_pow(shift)?)?).ok()
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % SCALE == 0 {
            return serializer.serialize_i64(self.0 / SCALE);
        }
        RawValue::from_string(self.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        raw.get().parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_read_exactly_or_not_at_all() {
        let read = |text: &str| serde_json::from_str::<Amount>(text).map(Amount::micros).ok();
        assert_eq!(read("0.1"), Some(100_000));
        assert_eq!(read("-2.50"), Some(-2_500_000));
        assert_eq!(read("1e3"), Some(1_000_000_000));
        assert_eq!(read("1.5E-6"), None);
        assert_eq!(read("100e-2"), Some(1_000_000));
        assert_eq!(read("0e99999"), Some(0));
        assert_eq!(read("9876.0"), Some(9_876_000_000));
        for text in ["0.0000001", "1e300", "9223372036855", "\"1\"", "null", "true", "[1]"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_json_number_does_not_parse() {
        for text in ["", "-", ".5", "1.", "01", "+1", "1e", "1_000", " 1", "١"] {
            assert_eq!(text.parse::<Amount>(), Err(BadAmount), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_reads_back_what_it_writes(micros: i64) {
            let amount = Amount(micros);
            let text = serde_json::to_string(&amount).unwrap_or_default();
            prop_assert_eq!(serde_json::from_str::<Amount>(&text).ok(), Some(amount));
        }
    }
}
