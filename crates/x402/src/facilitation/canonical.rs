//! JSON in one spelling: members sorted, no white space.

use serde_json::Value;

/// Canonical bytes of a value. Its depth is bounded where it was read.
pub(crate) fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            between(out, b"{}", sorted, |(name, value), out| {
                plain(&Value::String(name.clone()), out);
                out.push(b':');
                write(value, out);
            });
        }
        Value::Array(items) => between(out, b"[]", items, write),
        plain_value => plain(plain_value, out),
    }
}

fn between<T>(out: &mut Vec<u8>, ends: &[u8; 2], items: impl IntoIterator<Item = T>, each: impl Fn(T, &mut Vec<u8>)) {
    out.push(ends[0]);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(item, out);
    }
    out.push(ends[1]);
}

fn plain(value: &Value, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_spacing_make_no_difference() {
        let one: Value = serde_json::from_str(r#"{ "b": [1, {"y": null, "x": "\u0041"}], "a": true }"#).unwrap();
        assert_eq!(String::from_utf8(canonical(&one)).unwrap(), r#"{"a":true,"b":[1,{"x":"A","y":null}]}"#);
    }
}
