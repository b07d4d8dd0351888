//! A JSON object whose members are kept as they were written: a number goes on with the digits that it came with.

use std::{borrow::Cow, fmt};

use farebox_types::is_shallow;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Deeper than any body of ours, and far from what a parser could choke on.
const DEEPEST: usize = 32;

/// The members of one object, in their order.
pub(crate) struct Object<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// `None` for anything but one flat object in UTF-8 without doubled members: two readers may take different ones.
    pub(crate) fn read(body: &'a [u8]) -> Option<Self> {
        if !is_shallow(body, DEEPEST) {
            return None;
        }
        serde_json::from_slice(body).ok()
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::new();
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            // Bodies have a handful of members; a longer one ends at the first that is unknown to its route.
            if members.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a member twice"));
            }
            if members.len() == MOST_MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
            members.push((name, value));
        }
        Ok(Object(members))
    }
}

/// More than any route knows; comparing each with each stays cheap.
const MOST_MEMBERS: usize = 64;

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<Vec<(String, String)>> {
        let object = Object::read(body.as_bytes())?;
        Some(object.0.into_iter().map(|(name, raw)| (name.into_owned(), raw.get().to_owned())).collect())
    }

    #[test]
    fn members_are_kept_as_written() {
        let body = r#" {"value": 0.100000, "b": [1,  2], "\u0061": "x\ny"} "#;
        let members = read(body).unwrap();
        let members: Vec<(&str, &str)> = members.iter().map(|(name, raw)| (name.as_str(), raw.as_str())).collect();
        assert_eq!(members, [("value", "0.100000"), ("b", "[1,  2]"), ("a", r#""x\ny""#)]);
        assert_eq!(read("{}"), Some(vec![]));
    }

    #[test]
    fn anything_but_one_object_is_refused() {
        for odd in
            ["", " ", "null", "[]", "1", "\"{}\"", "{", "{}{}", "{}x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}"]
        {
            assert!(read(odd).is_none(), "{odd}");
        }
        assert!(Object::read(b"{\"a\":\"\xff\"}").is_none(), "not UTF-8");
        assert!(Object::read(b"\xef\xbb\xbf{}").is_none(), "a byte order mark");
    }

    #[test]
    fn a_member_written_twice_is_refused_however_it_is_written() {
        assert!(read(r#"{"value":1,"value":2}"#).is_none());
        assert!(read(r#"{"value":1,"\u0076alue":2}"#).is_none());
    }

    #[test]
    fn depth_and_number_of_members_have_an_end() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(31)).is_some());
        assert!(read(&nested(32)).is_none());
        assert!(read(&nested(30_000)).is_none());
        assert!(read(&format!("{{\"a\":\"{}\"}}", "[\\\"".repeat(100))).is_some(), "brackets in a text are text");
        let many: Vec<String> = (0..65).map(|at| format!("\"m{at}\":1")).collect();
        assert!(read(&format!("{{{}}}", many.join(","))).is_none());
    }
}
