//! From a price to an offer on a network.

use std::fmt;

use farebox_types::AtomicAmount;
use serde_json::{Map, Value};

use super::{BadMoney, Money};
use crate::{Requirements, UPTO, assets, networks};

/// The price of an on-chain fare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Price {
    /// As people write it, in a token that the network is known to have.
    Money(Money),
    /// Atomic units of the network's default token.
    Atomic(AtomicAmount),
    /// Atomic units of any token.
    Token {
        /// How many.
        amount: AtomicAmount,
        /// The token's address.
        asset: String,
        /// EIP-712 `name` and `version`, `assetTransferMethod`; filled in for a known token when empty.
        extra: Map<String, Value>,
    },
}

/// A price that cannot stand in an offer, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPrice {
    /// Not money.
    #[error("`{text}`: {problem}")]
    Money {
        /// As written.
        text: String,
        /// What is wrong.
        problem: BadMoney,
    },
    /// Not a network.
    #[error("`{0}` is not a network: write `eip155:8453` or `base`")]
    Network(String),
    /// No token to mean.
    #[error("no default token is known on {network}: price it with `Price::Token {{ amount, asset, extra }}`")]
    NoDefault {
        /// Where.
        network: String,
    },
    /// No token of that name.
    #[error("no token `{symbol}` is known on {network}: price it with `Price::Token {{ amount, asset, extra }}`")]
    NoToken {
        /// As written.
        symbol: String,
        /// Where.
        network: String,
    },
    /// Below one atomic unit.
    #[error("the price is nothing: it must be at least one atomic unit of the token")]
    Nothing,
}

impl Price {
    /// Reads money.
    ///
    /// # Errors
    /// [`BadPrice::Money`].
    pub fn read(text: &str) -> Result<Self, BadPrice> {
        text.parse().map(Self::Money).map_err(|problem| BadPrice::Money { text: text.to_owned(), problem })
    }

    /// The offer of this price on a network (CAIP-2 or short name): amount, token, and what a signer must know of it.
    ///
    /// # Errors
    /// [`BadPrice`], saying what to write instead.
    pub fn requirements(
        &self,
        scheme: &str,
        network: &str,
        pay_to: &str,
        max_timeout_seconds: u64,
    ) -> Result<Requirements, BadPrice> {
        let network = networks::resolve(network).ok_or_else(|| BadPrice::Network(network.to_owned()))?;
        let (amount, asset, mut extra) = self.on(&network)?;
        if amount.is_zero() {
            return Err(BadPrice::Nothing);
        }
        // What varies goes through Permit2 whatever the token can do.
        if scheme == UPTO && network.starts_with("eip155:") {
            extra.insert("assetTransferMethod".to_owned(), "permit2".into());
        }
        let (scheme, network, pay_to) = (scheme.to_owned(), network.into_owned(), pay_to.to_owned());
        Ok(Requirements { scheme, network, amount, asset, pay_to, max_timeout_seconds, extra })
    }

    fn on(&self, network: &str) -> Result<(AtomicAmount, String, Map<String, Value>), BadPrice> {
        let default =
            || assets::default_for(network).ok_or_else(|| BadPrice::NoDefault { network: network.to_owned() });
        match self {
            Self::Atomic(amount) => default().map(|asset| (*amount, asset.address.to_owned(), asset.extra())),
            Self::Token { amount, asset, extra } => {
                let known = assets::find(network, asset).filter(|_| extra.is_empty());
                Ok((*amount, asset.clone(), known.map_or_else(|| extra.clone(), assets::Asset::extra)))
            }
            Self::Money(money) => {
                let asset = match money.symbol() {
                    None => default()?,
                    Some(symbol) => assets::by_symbol(network, symbol)
                        .ok_or_else(|| BadPrice::NoToken { symbol: symbol.to_owned(), network: network.to_owned() })?,
                };
                let amount = money.atomic(asset.decimals);
                let amount = amount.map_err(|problem| BadPrice::Money { text: money.to_string(), problem })?;
                Ok((amount, asset.address.to_owned(), asset.extra()))
            }
        }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Money(money) => money.fmt(f),
            Self::Atomic(amount) => write!(f, "{amount} atomic units"),
            Self::Token { amount, asset, .. } => write!(f, "{amount} atomic units of {asset}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EXACT;

    fn offer(price: &Price, scheme: &str, network: &str) -> Result<Requirements, BadPrice> {
        price.requirements(scheme, network, "0x209693Bc6afc0C5328bA36FaF03C514EF312287C", 60)
    }

    fn money(text: &str) -> Price {
        Price::read(text).unwrap()
    }

    #[test]
    fn a_dollar_price_is_an_amount_of_the_networks_default_token() {
        let offered = offer(&money("$0.01"), EXACT, "base-sepolia").unwrap();
        assert_eq!((offered.network.as_str(), offered.amount), ("eip155:84532", 10_000.into()));
        assert_eq!(offered.asset, "0x036CbD53842c5426634e7929541eC2318f3dCF7e");
        assert_eq!(offered.extra_text("name"), Some("USDC"));
        assert_eq!(offered.extra_text("assetTransferMethod"), None);
        assert_eq!(offer(&money("1"), EXACT, "eip155:4326").unwrap().amount.to_string(), "1000000000000000000");
    }

    #[test]
    fn what_varies_is_paid_through_permit2() {
        let offered = offer(&money("$0.10"), UPTO, "eip155:8453").unwrap();
        assert_eq!(offered.extra_text("assetTransferMethod"), Some("permit2"));
        assert_eq!(offered.extra_text("name"), Some("USD Coin"));
    }

    #[test]
    fn a_symbol_names_the_token() {
        assert!(offer(&money("1 USDT"), EXACT, "celo").unwrap().asset.starts_with("0x48065f"));
        assert!(matches!(offer(&money("1 DOGE"), EXACT, "celo"), Err(BadPrice::NoToken { .. })));
    }

    #[test]
    fn atomic_units_are_taken_as_they_are() {
        assert_eq!(offer(&Price::Atomic(7.into()), EXACT, "base").unwrap().amount, 7.into());
        let asset = "0x00000000000000000000000000000000000000aa".to_owned();
        let any = Price::Token { amount: 7.into(), asset: asset.clone(), extra: Map::new() };
        assert_eq!(offer(&any, EXACT, "eip155:31337").unwrap().asset, asset);
    }

    #[test]
    fn a_price_that_cannot_be_offered_says_why() {
        assert!(matches!(offer(&money("$1"), EXACT, "eip155:31337"), Err(BadPrice::NoDefault { .. })));
        assert_eq!(offer(&money("$1"), EXACT, "mars"), Err(BadPrice::Network("mars".to_owned())));
        assert_eq!(offer(&money("$0.0000001"), EXACT, "base"), Err(BadPrice::Nothing));
        assert_eq!(
            Price::read("$x").unwrap_err().to_string(),
            "`$x`: not a price: write `$0.01`, `0.01` or `0.01 USDC`"
        );
    }
}
