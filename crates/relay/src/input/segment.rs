//! Ids in paths.

use crate::problem::Refusal;

const LONGEST: usize = 128;

/// Whether an id is one opaque segment of a path: it needs no encoding, and cannot leave its place.
pub(crate) fn is_segment(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=LONGEST).contains(&id.len()) && id.bytes().all(plain)
}

/// A decoded path parameter, if it is such an id. Nothing has any other.
pub(crate) fn segment(id: &str) -> Result<&str, Refusal> {
    if is_segment(id) { Ok(id) } else { Err(Refusal::NotFound) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_letters_digits_and_two_signs() {
        assert!(is_segment("a7e2f1c0-19ab-7000-8000-0123456789ab"));
        assert!(is_segment(&"x".repeat(128)));
        for odd in ["", ".", "..", "a/b", "a\\b", "a%2Fb", "a b", "a?b", "a#b", "a;b", "ä", "a\0", &"x".repeat(129)] {
            assert_eq!(segment(odd), Err(Refusal::NotFound), "{odd}");
        }
    }
}
