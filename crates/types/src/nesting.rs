//! How deep a text in JSON goes, before anybody parses it.

/// Whether no more than `deepest` brackets are open at once; those in strings do not count. Says nothing about whether it is
/// JSON.
#[must_use]
pub fn is_shallow(json: &[u8], deepest: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > deepest {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_shallow;

    #[test]
    fn brackets_count_outside_of_strings_only() {
        assert!(is_shallow(b"[[]][[]]", 2) && !is_shallow(b"[[[", 2) && !is_shallow(b"{\"a\":[{", 2));
        assert!(is_shallow(br#"{"a":"[[[\"[[["}"#, 1) && !is_shallow(br#"{"a":"\\"[["#, 2));
        assert!(is_shallow(b"]]]", 0) && is_shallow(b"", 0));
    }
}
