//! Which of the four spellings a message is written in.

use std::fmt;

/// Whose name stands before `Version` in a message. Everything else is alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Family {
    /// `x402Version`.
    #[default]
    X402,
    /// `t402Version`.
    T402,
}

impl Family {
    /// The member that carries the version.
    #[must_use]
    pub const fn version_member(self) -> &'static str {
        match self {
            Self::X402 => "x402Version",
            Self::T402 => "t402Version",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X402 => "x402",
            Self::T402 => "t402",
        })
    }
}

/// The version of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Version {
    /// Offers in bodies, `X-PAYMENT`, short network names.
    V1,
    /// Offers in headers, `PAYMENT-SIGNATURE`, CAIP-2 names.
    #[default]
    V2,
}

impl Version {
    /// As it stands on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// From the wire; `None` for a version nobody speaks.
    #[must_use]
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            _ => None,
        }
    }
}

/// A family and a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Dialect {
    /// Whose.
    pub family: Family,
    /// Which.
    pub version: Version,
}

impl Dialect {
    /// x402, version 1.
    pub const X402_V1: Self = Self { family: Family::X402, version: Version::V1 };
    /// x402, version 2.
    pub const X402_V2: Self = Self { family: Family::X402, version: Version::V2 };
    /// t402, version 1.
    pub const T402_V1: Self = Self { family: Family::T402, version: Version::V1 };
    /// t402, version 2.
    pub const T402_V2: Self = Self { family: Family::T402, version: Version::V2 };
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.family, self.version.number())
    }
}
