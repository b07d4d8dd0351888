//! Identifiers in logs.

use std::fmt;

/// An identifier, shortened: enough to find a log line by, too little to name a person's account with.
///
/// Not for secrets: those have no place in a log, short or long.
#[must_use]
pub const fn redact(identifier: &str) -> Redacted<'_> {
    Redacted(identifier)
}

/// Prints `0x12ab…89ef` for a long ASCII identifier, and only `…` for anything else.
#[derive(Clone, Copy)]
pub struct Redacted<'a>(&'a str);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0;
        if text.len() < 3 * (HEAD + TAIL) || !text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return f.write_str("…");
        }
        write!(f, "{}…{}", &text[..HEAD], &text[text.len() - TAIL..])
    }
}

impl fmt::Debug for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const HEAD: usize = 6;
const TAIL: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_identifier_keeps_its_ends() {
        let address = "0xabcdef0000000000000000000000000000001234";
        assert_eq!(redact(address).to_string(), "0xabcd…1234");
    }

    #[test]
    fn what_is_short_or_strange_shows_nothing() {
        for text in [
            "",
            "alice",
            "0xabcdef00000000000000",
            "été été été été été été été été",
            "a\nb a\nb a\nb a\nb a\nb a\nb a\nb",
        ] {
            assert_eq!(redact(text).to_string(), "…", "{text}");
        }
    }
}
