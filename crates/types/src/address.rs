//! A payer's address: 20 bytes, `0x` and 40 hex digits on the wire.

use std::{fmt, str::FromStr};

/// Who holds credits or signs a payment. Printed in lower case, read in any case (no checksum is demanded).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address([u8; 20]);

impl Address {
    /// An address from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A string that is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address: 0x and 40 hex digits")]
pub struct BadAddress;

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let mut bytes = [0; 20];
        let hex = text.strip_prefix("0x").ok_or(BadAddress)?;
        hex::decode_to_slice(hex, &mut bytes).map_err(|_| BadAddress)?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_in_any_case_and_printed_in_lower() {
        let address: Address = "0xABcdef0000000000000000000000000000000001".parse().unwrap();
        assert_eq!(address.to_string(), "0xabcdef0000000000000000000000000000000001");
    }

    #[test]
    fn what_is_not_twenty_bytes_of_hex_is_refused() {
        for text in
            ["", "0x", "abcdef0000000000000000000000000000000001", "0x12", "0xzzcdef0000000000000000000000000000000001"]
        {
            assert_eq!(text.parse::<Address>(), Err(BadAddress), "{text}");
        }
    }
}
