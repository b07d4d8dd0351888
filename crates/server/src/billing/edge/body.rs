//! Reading a body, and saying where it is wrong.

use farebox_api::ProblemCode;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::Denial;

/// Reads a JSON object. Not JSON is malformed; JSON of another shape is invalid, at a place.
pub(in crate::billing) fn read<T: DeserializeOwned>(raw: &[u8]) -> Result<T, Denial> {
    let mut reader = serde_json::Deserializer::from_slice(raw);
    match serde_path_to_error::deserialize(&mut reader) {
        Ok(value) => match reader.end() {
            Ok(()) => Ok(value),
            Err(error) => Err(malformed(&error)),
        },
        Err(error) => {
            let pointer = pointer(error.path());
            let inner = error.into_inner();
            if inner.is_data() { Err(wrong(pointer, &inner.to_string())) } else { Err(malformed(&inner)) }
        }
    }
}

fn malformed(error: &serde_json::Error) -> Denial {
    Denial::new(ProblemCode::Malformed, format!("the body is not JSON: {}", brief(&error.to_string())))
}

fn wrong(mut pointer: String, text: &str) -> Denial {
    let named = |start: &str| text.strip_prefix(start).and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
    let (code, member) = match (named("unknown field `"), named("missing field `")) {
        (Some(name), _) => ("unknown_field", Some(name)),
        (_, Some(name)) => ("missing", Some(name)),
        _ => ("invalid", None),
    };
    if let Some(name) = member
        && pointer.rsplit('/').next() != Some(&escaped(name))
    {
        pointer.push('/');
        pointer.push_str(&escaped(name));
    }
    Denial::invalid(&pointer, code, brief(text))
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escaped(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

/// As RFC 6901 has it.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// Without the library's words for the place, and not longer than people read.
fn brief(text: &str) -> String {
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use farebox_api::{Attach, Track};

    use super::*;

    #[track_caller]
    fn place<T: DeserializeOwned>(body: &str) -> (ProblemCode, String, String) {
        let denial = read::<T>(body.as_bytes()).err().unwrap();
        let error = denial.errors.first();
        let text = |part: fn(&farebox_api::FieldError) -> &String| error.map(part).cloned().unwrap_or_default();
        (denial.code, text(|error| &error.pointer), text(|error| &error.code))
    }

    #[test]
    fn what_is_not_json_is_malformed_and_what_is_has_a_place() {
        let plan = "8e4f1c0a-0000-7000-8000-000000000000";
        assert_eq!(place::<Track>("{").0, ProblemCode::Malformed);
        assert_eq!(place::<Track>("{} x").0, ProblemCode::Invalid);
        let unknown = format!(r#"{{"plan_id":"{plan}","plan":1}}"#);
        assert_eq!(place::<Attach>(&unknown), (ProblemCode::Invalid, "/plan".to_owned(), "unknown_field".to_owned()));
        assert_eq!(place::<Attach>("{}"), (ProblemCode::Invalid, "/plan_id".to_owned(), "missing".to_owned()));
        let deep = format!(r#"{{"plan_id":"{plan}","add_ons":[{{"id":"{plan}","quantity":"x"}}]}}"#);
        assert_eq!(place::<Attach>(&deep).1, "/add_ons/0/quantity");
        let fine = r#"{"feature_code":"a","value":0.0000001}"#;
        assert_eq!(place::<Track>(fine).1, "/value");
        assert_eq!(place::<Track>("[]").0, ProblemCode::Invalid);
    }
}
