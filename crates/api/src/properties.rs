//! What an event says about itself: members of any names, read exactly.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeMap};
use serde_json::value::RawValue;

use crate::Amount;

/// Texts, numbers (with at most six decimals, never floats) and booleans, in objects of objects, as texts by their path:
/// `{"request": {"model": "m1", "tokens": 1.50}}` is `request.model` = `m1` and `request.tokens` = `1.5`. Nulls are left out.
/// At most 64 of them, eight objects deep, with paths and texts of at most 255 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties(BTreeMap<String, String>);

const MOST: usize = 64;
const DEEPEST: usize = 8;
const LONGEST: usize = 255;

impl Properties {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same with one more.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.0.insert(path.into(), text.into());
        self
    }

    /// The texts by their path.
    #[must_use]
    pub fn into_texts(self) -> BTreeMap<String, String> {
        self.0
    }

    fn add(&mut self, path: &str, raw: &RawValue, depth: usize) -> Result<(), String> {
        let text = raw.get();
        let said = match text.as_bytes().first() {
            Some(b'n') => return Ok(()),
            Some(b'{') => return self.add_members(path, text, depth),
            Some(b'"') => serde_json::from_str(text).map_err(|error| error.to_string())?,
            Some(b't' | b'f') => text.to_owned(),
            Some(b'[') => return Err(format!("{path}: lists are not counted")),
            _ => text.parse::<Amount>().map_err(|error| format!("{path}: {error}"))?.to_string(),
        };
        if path.len() > LONGEST || said.len() > LONGEST {
            return Err(format!("a path and its text have at most {LONGEST} bytes"));
        }
        if self.0.len() >= MOST {
            return Err(format!("there are more than {MOST}"));
        }
        self.0.insert(path.to_owned(), said);
        Ok(())
    }

    fn add_members(&mut self, path: &str, text: &str, depth: usize) -> Result<(), String> {
        if depth == DEEPEST {
            return Err(format!("objects are nested more than {DEEPEST} deep"));
        }
        let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for (name, value) in &members {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.add(&path, value, depth + 1)?;
        }
        Ok(())
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (path, text) in &self.0 {
            map.serialize_entry(path, text)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if !raw.get().starts_with('{') {
            return Err(D::Error::custom("properties are an object"));
        }
        let mut properties = Self::default();
        properties.add("", &raw, 0).map_err(D::Error::custom)?;
        Ok(properties)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Properties, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn members_are_texts_by_their_path_and_numbers_are_exact() {
        let text = r#"{"model":"m1","request":{"tokens":1.50,"cached":true,"note":null},"big":9007199254741}"#;
        let said = Properties::default()
            .with("model", "m1")
            .with("request.tokens", "1.5")
            .with("request.cached", "true")
            .with("big", "9007199254741");
        assert_eq!(read(text), Ok(said.clone()));
        assert_eq!(read(&serde_json::to_string(&said).unwrap_or_default()), Ok(said));
    }

    #[test]
    fn what_cannot_be_counted_exactly_is_refused() {
        for text in [r#"{"a":[1]}"#, r#"{"a":0.0000001}"#, r#"[]"#, r#""a""#] {
            assert!(read(text).is_err(), "{text}");
        }
        let deep = format!("{}1{}", r#"{"a":"#.repeat(9), "}".repeat(9));
        assert!(read(&deep).is_err());
        let many: Vec<String> = (0..65).map(|at| format!(r#""p{at}":1"#)).collect();
        assert!(read(&format!("{{{}}}", many.join(","))).is_err());
    }
}
