//! Offers, said for people.

use std::fmt::Display;

use farebox_x402::{EXACT, Requirements, UPTO, assets, price::Money};

use super::facts::{Means, WayToPay};

impl WayToPay {
    /// Credits of a plan, at a route's price.
    #[must_use]
    pub fn credits(price: impl Display, plan_id: impl Into<String>) -> Self {
        Self { price: price.to_string(), means: Means::Credits { plan_id: plan_id.into() } }
    }

    /// The test rail, at a route's price.
    #[must_use]
    pub fn test_rail(price: impl Display) -> Self {
        Self { price: price.to_string(), means: Means::TestRail }
    }

    /// A token on a chain, as the offer asks for it. A token that is not in [`assets`] is shown in atomic units.
    #[must_use]
    pub fn token(asked: &Requirements) -> Self {
        let known = assets::find(&asked.network, &asked.asset);
        let price = known.map_or_else(
            || format!("{} atomic units", asked.amount),
            |asset| dollars(&Money::of(asked.amount, asset.decimals)),
        );
        if ![EXACT, UPTO].contains(&&*asked.scheme) {
            let (scheme, network) = (asked.scheme.clone(), asked.network.clone());
            return Self { price, means: Means::Other { scheme, network } };
        }
        let means = Means::Token {
            symbol: known.map_or(&*asked.asset, |asset| asset.symbol).to_owned(),
            chain: known.map_or(&*asked.network, |asset| asset.chain).to_owned(),
            network: asked.network.clone(),
            asset: asked.asset.clone(),
            pay_to: asked.pay_to.clone(),
            up_to: asked.scheme == UPTO,
        };
        Self { price, means }
    }
}

/// Every token in the table stands for a dollar: `0.1` is `$0.10`, `1` is `$1`, `0.0025` is `$0.0025`.
fn dollars(amount: &str) -> String {
    let one_digit = amount.split_once('.').is_some_and(|(_, fraction)| fraction.len() == 1);
    format!("${amount}{}", if one_digit { "0" } else { "" })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const USDC: &str = "0x036cbd53842c5426634e7929541ec2318f3dcf7e";

    fn said(scheme: &str, amount: &str, asset: &str) -> String {
        let asked = json!({
            "scheme": scheme, "network": "eip155:84532", "amount": amount, "asset": asset,
            "payTo": "0x209693Bc6afc0C5328bA36FaF03C514EF312287C", "maxTimeoutSeconds": 60,
        });
        WayToPay::token(&serde_json::from_value(asked).unwrap()).to_string()
    }

    #[rstest]
    #[case("exact", "10000", "$0.01 in USDC on Base Sepolia")]
    #[case("exact", "100000", "$0.10 in USDC on Base Sepolia")]
    #[case("exact", "1000000", "$1 in USDC on Base Sepolia")]
    #[case("exact", "1", "$0.000001 in USDC on Base Sepolia")]
    #[case("exact", "12345678900", "$12345.6789 in USDC on Base Sepolia")]
    #[case("upto", "2500000", "up to $2.50 in USDC on Base Sepolia")]
    #[case("auth-capture", "10000", "$0.01 by auth-capture on eip155:84532")]
    fn a_known_token_is_said_in_dollars(#[case] scheme: &str, #[case] amount: &str, #[case] expected: &str) {
        assert_eq!(said(scheme, amount, USDC), expected);
    }

    #[test]
    fn an_unknown_token_is_said_in_its_own_units() {
        assert_eq!(said("exact", "250", "0xabc"), "250 atomic units in 0xabc on eip155:84532");
    }

    #[test]
    fn credits_are_said_as_the_route_says_them() {
        assert_eq!(WayToPay::credits(crate::Price::ONE_CREDIT, "7").to_string(), "1 credit of plan 7");
        assert_eq!(WayToPay::test_rail("1 credit").to_string(), "1 credit on the test rail");
    }
}
