//! Prices of on-chain fares: `"$0.01"`, `"0.01 USDC"`, or atomic units of a token. Decimal strings all the way.

mod money;
mod priced;

pub use money::{BadMoney, Money};
pub use priced::{BadPrice, Price};
