//! Money: whole minor units of a currency that knows its exponent.

mod iso;

use std::{fmt, str::FromStr};

use self::iso::CURRENCIES;

/// A currency of ISO 4217 that people pay in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

impl Currency {
    /// Its three upper-case letters.
    #[must_use]
    pub fn code(&self) -> &str {
        str::from_utf8(&self.code).unwrap_or_default()
    }

    /// The letters as bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 3] {
        &self.code
    }

    /// How many decimal places its minor unit is: 2 for USD, 0 for KRW, 3 for KWD.
    #[must_use]
    pub const fn exponent(&self) -> u8 {
        self.exponent
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A text that names no currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a currency is a code of ISO 4217, such as USD")]
pub struct BadCurrency;

impl FromStr for Currency {
    type Err = BadCurrency;

    /// Either case.
    fn from_str(text: &str) -> Result<Self, BadCurrency> {
        let mut code: [u8; 3] = text.as_bytes().try_into().map_err(|_| BadCurrency)?;
        code.make_ascii_uppercase();
        let at = CURRENCIES.binary_search_by(|(known, _)| known.cmp(&code)).map_err(|_| BadCurrency)?;
        let (code, exponent) = CURRENCIES[at];
        Ok(Self { code, exponent })
    }
}

/// An amount of one currency, in whole minor units; never a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units: cents of USD, won of KRW.
    pub minor: i64,
    /// Of what.
    pub currency: Currency,
}

/// A decimal that is no amount of its currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMoney {
    /// Not a decimal number as JSON writes it.
    #[error("an amount is a decimal number, such as 49.99")]
    Shape,
    /// More places than the currency has.
    #[error("the amount has more decimal places than the currency")]
    Places,
    /// Beyond 63 bits of minor units.
    #[error("the amount is too large")]
    Large,
}

impl Money {
    /// Reads a decimal number exactly, in JSON's grammar (exponents included); zeros beyond the currency's places are
    /// allowed, anything else there is not.
    ///
    /// # Errors
    /// [`BadMoney`] says which.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, BadMoney> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, power) = match rest.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, parse_power(power)?),
            None => (rest, 0),
        };
        let (whole, places) = match mantissa.split_once('.') {
            Some((_, "")) => return Err(BadMoney::Shape),
            Some((whole, places)) => (whole, places),
            None => (mantissa, ""),
        };
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(places) || (whole.len() > 1 && whole.starts_with('0')) {
            return Err(BadMoney::Shape);
        }
        let places_len = i64::try_from(places.len()).map_err(|_| BadMoney::Shape)?;
        let shift = i64::from(currency.exponent) - places_len + power;
        let minor = shifted(&format!("{whole}{places}"), shift)?;
        Ok(Self { minor: if negative { -minor } else { minor }, currency })
    }
}

fn parse_power(text: &str) -> Result<i64, BadMoney> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadMoney::Shape);
    }
    if digits.trim_start_matches('0').len() > 4 {
        return Err(if text.starts_with('-') { BadMoney::Places } else { BadMoney::Large });
    }
    text.strip_prefix('+').unwrap_or(text).parse().map_err(|_| BadMoney::Shape)
}

/// `digits` times ten to the power of `shift`, if that is whole and fits.
fn shifted(digits: &str, shift: i64) -> Result<i64, BadMoney> {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    let Ok(dropped) = usize::try_from(-shift) else { return grown(digits, shift) };
    let kept = digits.len().checked_sub(dropped).ok_or(BadMoney::Places)?;
    let (kept, rest) = digits.split_at(kept);
    if rest.bytes().any(|b| b != b'0') || kept.is_empty() {
        return Err(BadMoney::Places);
    }
    kept.parse().map_err(|_| BadMoney::Large)
}

fn grown(digits: &str, shift: i64) -> Result<i64, BadMoney> {
    let factor = u32::try_from(shift).ok().and_then(|shift| 10_i64.checked_pow(shift)).ok_or(BadMoney::Large)?;
    let value: i64 = digits.parse().map_err(|_| BadMoney::Large)?;
    value.checked_mul(factor).ok_or(BadMoney::Large)
}

/// The plain decimal with all of the currency's places: `49.99`, `100`, `1.500`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = usize::from(self.currency.exponent);
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = places + 1);
        let (whole, rest) = digits.split_at(digits.len() - places);
        let sign = if self.minor < 0 { "-" } else { "" };
        if rest.is_empty() { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{rest}") }
    }
}

#[cfg(test)]
mod tests;
