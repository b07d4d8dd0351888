//! Money as people write it.

use std::{fmt, str::FromStr};

use farebox_types::AtomicAmount;

/// An amount of money: `$0.01`, `0.01`, `0.01 USD`, `0.01 USDC`. Never negative.
///
/// Without a symbol, or with `USD`, it is in the network's default token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Money {
    whole: String,
    fraction: String,
    symbol: Option<String>,
}

/// What is not money, and what to write instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMoney {
    /// Not of the form.
    #[error("not a price: write `$0.01`, `0.01` or `0.01 USDC`")]
    Form,
    /// Below nothing.
    #[error("a price is not negative")]
    Negative,
    /// More than a chain can name.
    #[error("the amount is larger than any token has units")]
    TooLarge,
}

/// Digits on one side of the point: as many as an amount in atomic units has.
const MOST_DIGITS: usize = 78;

impl Money {
    /// The token's symbol, unless it is the network's default.
    #[must_use]
    pub fn symbol(&self) -> Option<&str> {
        self.symbol.as_deref()
    }

    /// In atomic units of a token with so many decimals; further decimals are cut off, never rounded up.
    ///
    /// # Errors
    /// [`BadMoney::TooLarge`] from 2^256 units on.
    pub fn atomic(&self, decimals: u8) -> Result<AtomicAmount, BadMoney> {
        let places = usize::from(decimals);
        let fraction = self.fraction.get(..places).unwrap_or(&self.fraction);
        let digits = format!("{}{fraction:0<places$}", self.whole);
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Ok(AtomicAmount::ZERO);
        }
        digits.parse().map_err(|_| BadMoney::TooLarge)
    }

    /// Atomic units as people read them, without trailing zeros: 10 000 units of six decimals are `0.01`.
    #[must_use]
    pub fn of(amount: AtomicAmount, decimals: u8) -> String {
        let places = usize::from(decimals);
        let digits = format!("{:0>width$}", amount.to_string(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        match fraction.trim_end_matches('0') {
            "" => whole.to_owned(),
            fraction => format!("{whole}.{fraction}"),
        }
    }
}

impl FromStr for Money {
    type Err = BadMoney;

    fn from_str(text: &str) -> Result<Self, BadMoney> {
        let text = text.trim();
        let number = text.strip_prefix('$').unwrap_or(text).trim_start();
        let (number, symbol) = match number.split_once(char::is_whitespace) {
            Some((number, symbol)) => (number, Some(symbol.trim_start())),
            None => (number, None),
        };
        let (number, negative) = number.strip_prefix('-').map_or((number, false), |number| (number, true));
        let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
        let are_digits = |digits: &str| {
            (1..=MOST_DIGITS).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
        };
        if !are_digits(whole) || !fraction.is_none_or(are_digits) || !symbol.is_none_or(is_symbol) {
            return Err(BadMoney::Form);
        }
        if negative {
            return Err(BadMoney::Negative);
        }
        let symbol = symbol.filter(|symbol| !symbol.eq_ignore_ascii_case("usd")).map(ToOwned::to_owned);
        Ok(Self { whole: whole.to_owned(), fraction: fraction.unwrap_or_default().to_owned(), symbol })
    }
}

fn is_symbol(symbol: &str) -> bool {
    symbol.len() <= 32
        && symbol.starts_with(|c: char| c.is_ascii_alphabetic())
        && symbol.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let point = if self.fraction.is_empty() { "" } else { "." };
        match &self.symbol {
            None => write!(f, "${}{point}{}", self.whole, self.fraction),
            Some(symbol) => write!(f, "{}{point}{} {symbol}", self.whole, self.fraction),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn atomic(text: &str, decimals: u8) -> String {
        text.parse::<Money>().unwrap().atomic(decimals).unwrap().to_string()
    }

    #[test]
    fn money_is_read_as_people_write_it() {
        for (text, units) in [
            ("$0.01", "10000"),
            ("0.01", "10000"),
            (" $ 0.01 ", "10000"),
            ("0.01 USD", "10000"),
            ("1 usdc", "1000000"),
            ("1\tUSDC.e", "1000000"),
            ("007", "7000000"),
            ("0", "0"),
            ("0.0000019", "1"),
            ("0.0000009", "0"),
        ] {
            assert_eq!(atomic(text, 6), units, "{text}");
        }
        assert_eq!(atomic("0.1", 18), "100000000000000000");
        assert_eq!(atomic("12.9", 0), "12");
    }

    #[test]
    fn what_is_not_money_is_refused() {
        use BadMoney::{Form, Negative};
        for (text, error) in [
            ("", Form),
            ("$", Form),
            ("$-1", Negative),
            ("-0.5 USDC", Negative),
            ("1e4", Form),
            ("1.", Form),
            (".5", Form),
            ("1.2.3", Form),
            ("1,000", Form),
            ("1USDC", Form),
            ("1 2", Form),
            ("1 USDC now", Form),
            ("NaN", Form),
            ("inf", Form),
            ("+1", Form),
            ("$$1", Form),
            ("€1", Form),
            ("١", Form),
        ] {
            assert_eq!(text.parse::<Money>(), Err(error), "{text:?}");
        }
        assert_eq!("9".repeat(79).parse::<Money>(), Err(Form));
        assert_eq!("9".repeat(78).parse::<Money>().unwrap().atomic(6), Err(BadMoney::TooLarge));
    }

    #[test]
    fn money_is_shown_without_trailing_zeros() {
        for (units, decimals, shown) in
            [(10_000, 6, "0.01"), (0, 6, "0"), (1, 6, "0.000001"), (1_500_000, 6, "1.5"), (7, 0, "7"), (100, 2, "1")]
        {
            assert_eq!(Money::of(AtomicAmount::from(units), decimals), shown);
        }
        assert_eq!("$0.010".parse::<Money>().unwrap().to_string(), "$0.010");
        assert_eq!("2 USDT".parse::<Money>().unwrap().to_string(), "2 USDT");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back_as_the_same_units(units: u64, decimals in 0_u8..=24) {
            let amount = AtomicAmount::from(units);
            let shown = Money::of(amount, decimals);
            prop_assert_eq!(shown.parse::<Money>().unwrap().atomic(decimals), Ok(amount));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}", decimals: u8) {
            if let Ok(money) = text.parse::<Money>() {
                let _ = money.atomic(decimals);
            }
        }
    }
}
