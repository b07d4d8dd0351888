//! What a payment on a chain costs, and whom it pays.

use std::fmt;

use farebox_types::AtomicAmount;
use farebox_x402::{EXACT, Requirements, UPTO, assets, price::Money};

/// One payment on a chain, as the seller offered it and this payer would authorize it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fare {
    /// `exact` or `upto`.
    pub scheme: String,
    /// CAIP-2.
    pub network: String,
    /// The token's address.
    pub asset: String,
    /// Who is paid.
    pub pay_to: String,
    /// Atomic units; for `upto`, at most.
    pub amount: AtomicAmount,
}

/// Dollars are compared in parts of 10⁻¹⁸: no known token is finer.
pub(crate) const DOLLAR_DECIMALS: u8 = 18;

impl Fare {
    pub(crate) fn of(offer: &Requirements) -> Self {
        Self {
            scheme: offer.scheme.clone(),
            network: offer.network.clone(),
            asset: offer.asset.clone(),
            pay_to: offer.pay_to.clone(),
            amount: offer.amount,
        }
    }

    /// Whether less than the amount may be taken.
    #[must_use]
    pub fn is_upto(&self) -> bool {
        self.scheme == UPTO
    }

    /// The same with the amount that was taken of it.
    #[must_use]
    pub fn taking(&self, amount: AtomicAmount) -> Self {
        Self { amount, scheme: EXACT.to_owned(), ..self.clone() }
    }

    /// The token and its network in one spelling.
    pub(crate) fn token(&self) -> (String, String) {
        (self.network.clone(), assets::one_spelling(&self.asset))
    }

    /// The amount in parts of a dollar, if the token is a known one; held at the largest amount.
    pub(crate) fn dollars(&self) -> Option<AtomicAmount> {
        let asset = assets::find(&self.network, &self.asset)?;
        let zeros = usize::from(DOLLAR_DECIMALS.checked_sub(asset.decimals)?);
        let parts: AtomicAmount = format!("1{}", "0".repeat(zeros)).parse().ok()?;
        let dollars = self.amount.units().checked_mul(parts.units());
        Some(dollars.map_or(AtomicAmount::MAX, AtomicAmount::new))
    }
}

impl fmt::Display for Fare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, asset, pay_to, amount, .. } = self;
        if self.is_upto() {
            f.write_str("up to ")?;
        }
        match assets::find(network, asset) {
            Some(known) => {
                write!(f, "{} {} on {} to {pay_to}", Money::of(*amount, known.decimals), known.symbol, known.chain)
            }
            None => write!(f, "{amount} atomic units of {asset} on {network} to {pay_to}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// So many atomic units of the default token of Base Sepolia.
    pub(crate) fn fare(amount: u64) -> Fare {
        Fare {
            scheme: "exact".into(),
            network: "eip155:84532".into(),
            asset: "0x036CbD53842c5426634e7929541eC2318f3dCF7e".into(),
            pay_to: "0x209693Bc6afc0C5328bA36FaF03C514EF312287C".into(),
            amount: amount.into(),
        }
    }

    #[test]
    fn a_fare_reads_as_people_speak_of_it() {
        let known = fare(10_000);
        assert_eq!(known.to_string(), format!("0.01 USDC on Base Sepolia to {}", known.pay_to));
        let upto = Fare { scheme: UPTO.into(), asset: "0xAA".into(), ..known };
        assert!(upto.to_string().starts_with("up to 10000 atomic units of 0xAA on eip155:84532"));
    }

    #[test]
    fn dollars_are_counted_for_known_tokens_only() {
        assert_eq!(fare(10_000).dollars().unwrap().to_string(), "10000000000000000");
        assert_eq!(Fare { amount: AtomicAmount::MAX, ..fare(1) }.dollars(), Some(AtomicAmount::MAX));
        assert_eq!(Fare { asset: "0xaa".into(), ..fare(1) }.dollars(), None);
    }
}
