//! The ways an inner layer may read one path.
//!
//! A gate sees the path before whatever stands behind it does. If that decodes escapes, collapses slashes, resolves
//! dots or drops a trailing slash, a path that looks free here reaches a paid handler there. So a route is charged if
//! any reading of the path is its own.

/// Whether a path can be read in one way only. The usual case; allocates nothing.
pub(crate) fn is_plain(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return true };
    let odd_segment = |segment: &str| matches!(segment, "" | "." | "..");
    rest.is_empty() || !(rest.contains(['%', '\\']) || rest.split('/').any(odd_segment))
}

/// Every other reading of a path that is not plain; some may be equal.
pub(crate) fn of(path: &str) -> Vec<String> {
    let mut readings = Vec::with_capacity(6);
    for escapes in [Escapes::Kept, Escapes::Decoded, Escapes::DecodedWithSeparators] {
        let text = escapes.apply(path);
        readings.push(collapse(&text, false));
        readings.push(collapse(&text, true));
    }
    readings
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    Kept,
    /// All but escaped slashes: segment by segment, as routers do.
    Decoded,
    /// All: the whole path at once, as some frameworks do.
    DecodedWithSeparators,
}

impl Escapes {
    fn apply(self, path: &str) -> String {
        if self == Self::Kept {
            return path.to_owned();
        }
        let mut bytes = Vec::with_capacity(path.len());
        let mut rest = path.as_bytes();
        while let Some((&first, after)) = rest.split_first() {
            match escaped(rest) {
                Some(byte) if self == Self::DecodedWithSeparators || !b"/\\".contains(&byte) => {
                    bytes.push(byte);
                    rest = &rest[3..];
                }
                _ => {
                    bytes.push(first);
                    rest = after;
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The byte that `%XX` at the start of `text` stands for.
fn escaped(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = text else { return None };
    let digit = |hex: &u8| char::from(*hex).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

fn collapse(path: &str, resolve_dots: bool) -> String {
    let mut segments = Vec::new();
    for segment in path.split(['/', '\\']) {
        match segment {
            "" => {}
            "." if resolve_dots => {}
            ".." if resolve_dots => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_paths_are_plain() {
        for path in ["/", "/ask", "/users/42", "/.well-known/x", "/a..b", "/a.b/c~d", "", "*"] {
            assert!(is_plain(path), "{path}");
        }
    }

    #[test]
    fn every_disguise_of_a_path_has_the_path_among_its_readings() {
        for disguise in [
            "/ask/",
            "//ask",
            "/ask//",
            "/%61sk",
            "/%61%73%6B",
            "/%2fask",
            "/./ask",
            "/x/../ask",
            "/x/%2e%2e/ask",
            "/x/%2E%2e%2fask",
            "/x%2f..%2fask",
            "/\\ask",
            "/x\\..\\ask",
            "/x/%5c../../ask",
            "/../ask",
            "/ask/.",
        ] {
            assert!(!is_plain(disguise), "{disguise}");
            assert!(of(disguise).contains(&"/ask".to_owned()), "{disguise}: {:?}", of(disguise));
        }
    }

    #[test]
    fn an_escaped_slash_inside_a_segment_is_read_both_ways() {
        let readings = of("//files/a%2Fb%20c");
        assert!(readings.contains(&"/files/a%2Fb c".to_owned()), "{readings:?}");
        assert!(readings.contains(&"/files/a/b c".to_owned()), "{readings:?}");
    }

    #[test]
    fn broken_escapes_are_kept() {
        assert!(of("/a%").contains(&"/a%".to_owned()));
        assert!(of("/a%4").contains(&"/a%4".to_owned()));
        assert!(of("/a%zz/").contains(&"/a%zz".to_owned()));
    }

    proptest! {
        #[test]
        fn every_reading_is_an_absolute_path_without_empty_segments(path in "/[a.%2fF/\\\\é]{0,12}") {
            for reading in of(&path) {
                prop_assert!(reading.starts_with('/') && !reading.contains("//"), "{reading}");
            }
        }
    }
}
