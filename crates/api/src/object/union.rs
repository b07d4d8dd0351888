//! Members that have several JSON types.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeMap as _};
use serde_json::value::RawValue;

use crate::Amount;

fn raw<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<RawValue>, D::Error> {
    Box::<RawValue>::deserialize(deserializer)
}

/// What a plan gives of a feature that is not metered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantValue {
    /// On or off.
    Boolean(bool),
    /// A number that is compared with, and not used up.
    Number(Amount),
    /// A text.
    Text(String),
}

impl Serialize for GrantValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Number(value) => value.serialize(serializer),
            Self::Text(value) => serializer.serialize_str(value),
        }
    }
}

impl<'de> Deserialize<'de> for GrantValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = raw(deserializer)?;
        match raw.get() {
            "true" => Ok(Self::Boolean(true)),
            "false" => Ok(Self::Boolean(false)),
            text if text.starts_with('"') => serde_json::from_str(text).map(Self::Text).map_err(D::Error::custom),
            text if text.starts_with(['{', '[', 'n']) => {
                Err(D::Error::custom("expected true, false, a number or a text"))
            }
            text => text.parse().map(Self::Number).map_err(D::Error::custom),
        }
    }
}

/// What happens when a metered balance is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overage {
    /// `"deny"`.
    #[default]
    Deny,
    /// `"allow"`.
    Allow,
    /// `{"cap": n}`: so much beyond it.
    Cap(Amount),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Capped {
    cap: Amount,
}

impl Serialize for Overage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Deny => serializer.serialize_str("deny"),
            Self::Allow => serializer.serialize_str("allow"),
            Self::Cap(cap) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("cap", cap)?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Overage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const EXPECTED: &str = "expected \"deny\", \"allow\" or {\"cap\": n}";
        let raw = raw(deserializer)?;
        match raw.get() {
            "\"deny\"" => Ok(Self::Deny),
            "\"allow\"" => Ok(Self::Allow),
            text if text.starts_with('{') => match serde_json::from_str::<Capped>(text) {
                Ok(Capped { cap }) if cap >= Amount::ZERO => Ok(Self::Cap(cap)),
                Ok(_) => Err(D::Error::custom("a cap is not negative")),
                Err(error) => Err(D::Error::custom(error)),
            },
            _ => Err(D::Error::custom(EXPECTED)),
        }
    }
}

/// Where a tier ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpTo {
    /// At this quantity, included.
    Quantity(Amount),
    /// `"inf"`: nowhere.
    Infinite,
}

impl Serialize for UpTo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Quantity(quantity) => quantity.serialize(serializer),
            Self::Infinite => serializer.serialize_str("inf"),
        }
    }
}

impl<'de> Deserialize<'de> for UpTo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = raw(deserializer)?;
        match raw.get() {
            "\"inf\"" => Ok(Self::Infinite),
            text => match text.parse() {
                Ok(quantity) if quantity > Amount::ZERO => Ok(Self::Quantity(quantity)),
                _ => Err(D::Error::custom("expected a positive number or \"inf\"")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn both_ways<T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug>(text: &str, value: &T) {
        assert_eq!(&serde_json::from_str::<T>(text).unwrap(), value);
        assert_eq!(serde_json::to_string(value).unwrap(), text);
    }

    #[test]
    fn each_type_reads_back_what_it_writes() {
        both_ways("true", &GrantValue::Boolean(true));
        both_ways("2.5", &GrantValue::Number(Amount::from_micros(2_500_000)));
        both_ways("\"gold\"", &GrantValue::Text("gold".to_owned()));
        both_ways("\"allow\"", &Overage::Allow);
        both_ways("{\"cap\":100}", &Overage::Cap(Amount::from_micros(100_000_000)));
        both_ways("\"inf\"", &UpTo::Infinite);
        both_ways("10", &UpTo::Quantity(Amount::from_micros(10_000_000)));
    }

    #[test]
    fn other_types_are_refused() {
        for text in ["null", "{}", "[]", "0.0000001"] {
            assert!(serde_json::from_str::<GrantValue>(text).is_err(), "{text}");
        }
        for text in ["null", "\"never\"", "{\"cap\":-1}", "{\"cap\":1,\"more\":1}", "5"] {
            assert!(serde_json::from_str::<Overage>(text).is_err(), "{text}");
        }
        for text in ["0", "-1", "\"infinity\"", "null"] {
            assert!(serde_json::from_str::<UpTo>(text).is_err(), "{text}");
        }
    }
}
