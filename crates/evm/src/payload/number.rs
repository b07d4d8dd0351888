//! Numbers, addresses and bytes as the wire has them.

use alloy_primitives::{Address, B256, Bytes, U256};
use farebox_types::AtomicAmount;
use serde::Deserialize;

/// Longer signatures are refused: a contract's signature may be long, but not this long.
const MAX_SIGNATURE: usize = 8 * 1024;

/// A decimal string; where the wire tolerates it, a JSON integer.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    Text(String),
    Integer(u64),
}

/// ASCII digits, at most 78, below 2^256.
pub(super) fn decimal(text: &str) -> Option<U256> {
    text.parse::<AtomicAmount>().ok().map(AtomicAmount::units)
}

impl Number {
    pub(super) fn read(&self) -> Option<U256> {
        match self {
            Self::Text(text) => decimal(text),
            Self::Integer(number) => Some(U256::from(*number)),
        }
    }
}

/// Decimal, or `0x` and at most 64 hex digits.
pub(super) fn decimal_or_hex(text: &str) -> Option<U256> {
    let Some(hex) = text.strip_prefix("0x") else { return decimal(text) };
    let good = (1..=64).contains(&hex.len()) && hex.bytes().all(|b| b.is_ascii_hexdigit());
    good.then(|| U256::from_str_radix(hex, 16).ok()).flatten()
}

/// `0x` and 40 hex digits, in any case.
pub(super) fn address(text: &str) -> Option<Address> {
    let address: farebox_types::Address = text.parse().ok()?;
    Some(Address::new(*address.bytes()))
}

/// `0x` and 64 hex digits.
pub(super) fn word(text: &str) -> Option<B256> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.strip_prefix("0x")?, &mut bytes).ok()?;
    Some(bytes.into())
}

/// `0x` and hex, bounded.
pub(super) fn signature(text: &str) -> Option<Bytes> {
    let hex = text.strip_prefix("0x").filter(|hex| hex.len() <= 2 * MAX_SIGNATURE)?;
    hex::decode(hex).ok().map(Bytes::from)
}
