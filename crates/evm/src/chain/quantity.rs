//! Numbers and bytes as JSON-RPC has them.

use alloy_primitives::{Bytes, U256};
use serde::{Deserialize, Deserializer, de::Error};

/// `0x` and hex digits without leading zeros; leading zeros are tolerated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Hex<T>(pub(super) T);

impl<'de> Deserialize<'de> for Hex<u64> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        number(from).and_then(|value| u64::try_from(value).map(Hex).map_err(|_| D::Error::custom("too large")))
    }
}

impl<'de> Deserialize<'de> for Hex<u128> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        number(from).and_then(|value| u128::try_from(value).map(Hex).map_err(|_| D::Error::custom("too large")))
    }
}

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<U256, D::Error> {
    let text = String::deserialize(from)?;
    let digits =
        text.strip_prefix("0x").filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    digits.and_then(|digits| U256::from_str_radix(digits, 16).ok()).ok_or_else(|| D::Error::custom("not a hex number"))
}

/// `0x` and an even number of hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct HexBytes(pub(super) Bytes);

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = text.strip_prefix("0x").and_then(|digits| hex::decode(digits).ok());
        bytes.map(|bytes| Self(bytes.into())).ok_or_else(|| D::Error::custom("not hex"))
    }
}

pub(super) fn hex_bytes(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}
