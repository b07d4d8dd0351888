//! JSON: each value is cut out of the text, so that its spelling and its line are known.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    super::tree::{Kind, Node},
    Misread, line_at, misread,
};

const DEEPEST: usize = 64;

pub(super) fn read(text: &str) -> Result<Node, Misread> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| misread(error.line(), brief(&error)))?;
    node(text, raw, 0)
}

fn node(text: &str, raw: &RawValue, depth: usize) -> Result<Node, Misread> {
    let line = line_at(text, raw.get().as_ptr().addr().saturating_sub(text.as_ptr().addr()));
    let wrong = |error: serde_json::Error| misread(line + error.line().saturating_sub(1), brief(&error));
    if depth > DEEPEST {
        return Err(misread(line, "this is nested too deeply"));
    }
    let part = raw.get();
    let kind = match part.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = serde_json::from_str(part).map_err(wrong)?;
            let read = members.into_iter().map(|(key, raw)| Ok((key, node(text, raw, depth + 1)?)));
            Kind::Map(read.collect::<Result<_, _>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(part).map_err(wrong)?;
            Kind::List(items.into_iter().map(|raw| node(text, raw, depth + 1)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Kind::Text(serde_json::from_str(part).map_err(wrong)?),
        Some(b't') => Kind::Bool(true),
        Some(b'f') => Kind::Bool(false),
        Some(b'n') => Kind::Null,
        _ => Kind::Number(part.to_owned()),
    };
    Ok(Node::new(line, kind))
}

/// An object's members in their order, each key once.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(String, &RawValue)> = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    if members.iter().any(|(known, _)| *known == key) {
                        return Err(A::Error::custom(format!("`{key}` is here twice")));
                    }
                    members.push((key, map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

fn brief(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or_else(|| text.clone(), |(what, _)| what.to_owned())
}
