//! Short texts with a shape: codes, currencies.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $bad:ident, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// As it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        /// A text of another shape.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        #[error($rule)]
        pub struct $bad;

        impl FromStr for $name {
            type Err = $bad;

            fn from_str(text: &str) -> Result<Self, $bad> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.into())) } else { Err($bad) }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

word! {
    /// What people call a feature, plan, product or metric: `^[a-z][a-z0-9_]{0,63}$`.
    Code, BadCode, "a code is a lower-case letter and up to 63 more of a-z, 0-9 and _", |text| {
        let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        (1..=64).contains(&text.len()) && text.starts_with(|first: char| first.is_ascii_lowercase()) && text.bytes().all(rest)
    }
}

word! {
    /// Three capital letters, as ISO 4217 has them.
    Currency, BadCurrency, "a currency is three capital letters, as in ISO 4217", |text| {
        text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_one_shape() {
        for text in ["a", "api_calls", "x9", &format!("a{}", "b".repeat(63))] {
            assert!(text.parse::<Code>().is_ok(), "{text}");
        }
        for text in ["", "9x", "_x", "Api", "a-b", "a b", "é", &"a".repeat(65)] {
            assert_eq!(text.parse::<Code>(), Err(BadCode), "{text}");
        }
    }

    #[test]
    fn currencies_are_capital_letters() {
        assert!("USD".parse::<Currency>().is_ok());
        for text in ["usd", "US", "USDT", "U$D", ""] {
            assert_eq!(text.parse::<Currency>(), Err(BadCurrency), "{text}");
        }
    }
}
