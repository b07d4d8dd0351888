//! Numbers as the credits wire writes them: decimal strings, or JSON integers.

use std::{borrow::Cow, time::Duration};

use farebox_types::Quantity;
use serde::Deserialize;

use crate::refusal::Refusal;

/// A uint256 on the wire, unread.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a decimal integer, as a string or a number")]
pub(crate) enum Uint {
    Text(String),
    Number(serde_json::Number),
}

impl Uint {
    fn digits(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number.to_string()),
        }
    }

    /// A whole number of credits.
    pub(crate) fn credits(&self, field: &'static str) -> Result<Quantity, Refusal> {
        let units = self.parse::<u64>().and_then(Quantity::from_units);
        units.ok_or_else(|| Refusal::number(field, "a decimal integer of at most 9223372036854"))
    }

    /// A number of seconds.
    pub(crate) fn seconds(&self, field: &'static str) -> Result<Duration, Refusal> {
        let seconds = self.parse::<u64>().map(Duration::from_secs);
        seconds.ok_or_else(|| Refusal::number(field, "a decimal integer of seconds"))
    }

    /// An amount of money in its smallest parts.
    pub(crate) fn amount(&self, field: impl Into<Cow<'static, str>>) -> Result<u128, Refusal> {
        self.parse().ok_or_else(|| Refusal::number(field, "a decimal integer below 2^128"))
    }

    /// The text of a uint256, of which only its identity matters.
    pub(crate) fn opaque(&self, field: &'static str) -> Result<String, Refusal> {
        let digits = self.digits();
        let plain = (1..=78).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let rule = "a decimal integer of at most 78 digits";
        if plain { Ok(digits.into_owned()) } else { Err(Refusal::number(field, rule)) }
    }

    /// ASCII digits only: no sign, exponent, separator or white space.
    fn parse<T: std::str::FromStr>(&self) -> Option<T> {
        let digits = self.digits();
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        if plain { digits.parse().ok() } else { None }
    }
}

/// `total / count / 10^decimals` as a plain decimal, cut off after 12 places; `count` must be above 0.
pub(crate) fn ratio(total: u128, count: u64, decimals: u32) -> Option<String> {
    const PLACES: usize = 12;
    let divisor = u128::from(count).checked_mul(10_u128.checked_pow(decimals)?)?;
    let (whole, mut rest) = (total.checked_div(divisor)?, total.checked_rem(divisor)?);
    let mut fraction = String::with_capacity(PLACES);
    while rest != 0 && fraction.len() < PLACES {
        rest = rest.checked_mul(10)?;
        fraction.push_str(&(rest / divisor).to_string());
        rest %= divisor;
    }
    let fraction = fraction.trim_end_matches('0');
    Some(if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn uint(value: Value) -> Uint {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn strings_and_json_integers_read_alike() {
        let hundred = Quantity::from_units(100).unwrap();
        assert_eq!(uint(json!("100")).credits("amount"), Ok(hundred));
        assert_eq!(uint(json!(100)).credits("amount"), Ok(hundred));
    }

    #[test]
    fn what_is_not_a_plain_integer_in_range_is_refused_by_name() {
        let bad = ["", "-1", "+1", "1.5", "1e3", " 1", "٣", "0x10", "9223372036855", "99999999999999999999"];
        for value in bad.map(Value::from).into_iter().chain([json!(-1), json!(1.5), json!(1e30)]) {
            let refused = uint(value.clone()).credits("creditsConfig.amount").unwrap_err();
            let says = "creditsConfig.amount must be a decimal integer of at most 9223372036854";
            assert_eq!(refused.to_string(), says, "{value}");
        }
        assert!(serde_json::from_value::<Uint>(json!(null)).is_err());
        assert!(serde_json::from_value::<Uint>(json!([1])).is_err());
    }

    #[test]
    fn an_opaque_number_may_be_as_large_as_a_uint256() {
        let largest = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(uint(json!(largest)).opaque("nonce"), Ok(largest.to_owned()));
        assert!(uint(json!("1".repeat(79))).opaque("nonce").is_err());
    }

    #[test]
    fn a_ratio_is_exact_or_cut_off() {
        let cases = [
            ((0, 100, 6), "0"),
            ((10_000_000, 100, 6), "0.1"),
            ((29_000_000, 1, 6), "29"),
            ((1_000_000, 3, 6), "0.333333333333"),
            ((1, 1, 18), "0"),
        ];
        for ((total, count, decimals), text) in cases {
            assert_eq!(ratio(total, count, decimals).as_deref(), Some(text));
        }
        assert_eq!(ratio(1, 0, 6), None);
    }
}
