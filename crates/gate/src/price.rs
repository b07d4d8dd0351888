//! Prices: whole credits, checked before a gate stands; prices on a chain are `farebox_x402::price`.

use std::{fmt, str::FromStr};

use farebox_types::Quantity;
use farebox_x402::price::{BadPrice as BadChainPrice, Price as ChainPrice};

/// What one request costs: 1 to 1 000 000 000 whole credits.
///
/// Read from `"1 credit"` or `"5 credits"`, or made from a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Price(Quantity);

impl Price {
    /// One credit.
    pub const ONE_CREDIT: Self = Self(Quantity::ONE);

    /// A price from an amount of credits.
    ///
    /// # Errors
    /// [`BadPrice`] for nothing, for a fraction, and above 1 000 000 000.
    pub fn new(amount: Quantity) -> Result<Self, BadPrice> {
        match amount.whole_units() {
            None => Err(BadPrice::Fraction(amount)),
            Some(0) => Err(BadPrice::Nothing),
            Some(1..=MOST) => Ok(Self(amount)),
            Some(_) => Err(BadPrice::Absurd),
        }
    }

    /// The credits.
    #[must_use]
    pub const fn amount(self) -> Quantity {
        self.0
    }
}

const MOST: u64 = 1_000_000_000;

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.0 == Quantity::ONE { "credit" } else { "credits" };
        write!(f, "{} {unit}", self.0)
    }
}

/// What is not a price, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPrice {
    /// Free routes need no gate.
    #[error("the price is nothing: charge at least `1 credit`, or leave the route out of the gate")]
    Nothing,
    /// Credits are whole.
    #[error("{0} credits is not a whole number of credits: write `1 credit` or `5 credits`")]
    Fraction(Quantity),
    /// Almost certainly a mistake.
    #[error("the price is above 1000000000 credits")]
    Absurd,
    /// Not of the form `5 credits`.
    #[error("`{0}` is not a price: write `1 credit` or `5 credits`")]
    Unreadable(String),
}

impl FromStr for Price {
    type Err = BadPrice;

    fn from_str(text: &str) -> Result<Self, BadPrice> {
        let unreadable = || BadPrice::Unreadable(text.to_owned());
        let (number, unit) = text.split_once(' ').ok_or_else(unreadable)?;
        if !matches!(unit, "credit" | "credits") {
            return Err(unreadable());
        }
        number.parse().map_err(|_| unreadable()).and_then(Self::new)
    }
}

/// What can be written where a price is wanted: `"5 credits"`, `5`, a [`Quantity`] or a [`Price`].
pub trait IntoPrice {
    /// The price.
    ///
    /// # Errors
    /// [`BadPrice`], saying what to write instead.
    fn into_price(self) -> Result<Price, BadPrice>;
}

impl IntoPrice for Price {
    fn into_price(self) -> Result<Price, BadPrice> {
        Ok(self)
    }
}

impl IntoPrice for Quantity {
    fn into_price(self) -> Result<Price, BadPrice> {
        Price::new(self)
    }
}

impl IntoPrice for u32 {
    fn into_price(self) -> Result<Price, BadPrice> {
        Quantity::from_units(u64::from(self)).ok_or(BadPrice::Absurd).and_then(Price::new)
    }
}

impl IntoPrice for &str {
    fn into_price(self) -> Result<Price, BadPrice> {
        self.parse()
    }
}

/// What can be written where a price on a chain is wanted: `"$0.01"`, `"0.01 USDC"`, or a
/// [`farebox_x402::price::Price`].
pub trait IntoChainPrice {
    /// The price.
    ///
    /// # Errors
    /// [`farebox_x402::price::BadPrice`], saying what to write instead.
    fn into_chain_price(self) -> Result<ChainPrice, BadChainPrice>;
}

impl IntoChainPrice for ChainPrice {
    fn into_chain_price(self) -> Result<ChainPrice, BadChainPrice> {
        Ok(self)
    }
}

impl IntoChainPrice for &str {
    fn into_chain_price(self) -> Result<ChainPrice, BadChainPrice> {
        ChainPrice::read(self)
    }
}

impl IntoChainPrice for String {
    fn into_chain_price(self) -> Result<ChainPrice, BadChainPrice> {
        ChainPrice::read(&self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credits(units: u64) -> Price {
        Price::new(Quantity::from_units(units).unwrap()).unwrap()
    }

    #[test]
    fn a_price_is_written_as_people_say_it() {
        assert_eq!("1 credit".into_price(), Ok(credits(1)));
        assert_eq!("5 credits".into_price(), Ok(credits(5)));
        assert_eq!(5.into_price(), Ok(credits(5)));
        assert_eq!(credits(1).to_string(), "1 credit");
        assert_eq!(credits(1_000_000_000).to_string(), "1000000000 credits");
    }

    #[test]
    fn what_is_not_a_price_is_refused() {
        for text in ["", "1", "credit", "1  credit", " 1 credit", "1 credit ", "-1 credits", "1 dollar", "one credit"] {
            assert_eq!(text.into_price(), Err(BadPrice::Unreadable(text.to_owned())));
        }
    }

    #[test]
    fn nothing_fractions_and_absurd_amounts_are_refused() {
        assert_eq!("0 credits".into_price(), Err(BadPrice::Nothing));
        assert_eq!(0.into_price(), Err(BadPrice::Nothing));
        assert_eq!("1000000001 credits".into_price(), Err(BadPrice::Absurd));
        assert_eq!(u32::MAX.into_price(), Err(BadPrice::Absurd));
        assert!(matches!("0.5 credits".into_price(), Err(BadPrice::Fraction(_))));
    }
}
