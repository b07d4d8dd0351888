//! Foreign text, made fit to be shown. Escaping for HTML is the template's.

/// At most `most` characters on one line. What would hide, reorder or break up its surroundings is shown as `�`.
pub(super) fn shown(text: &str, most: usize) -> String {
    let mut chars = text.trim().chars();
    let mut shown: String = chars.by_ref().take(most).map(visible).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

fn visible(sign: char) -> char {
    match sign {
        '\t' | '\n' | '\r' => ' ',
        // Marks, embeddings, overrides and isolates of direction; separators and signs without width.
        '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => HIDDEN,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' => HIDDEN,
        sign if sign.is_control() => HIDDEN,
        sign => sign,
    }
}

const HIDDEN: char = char::REPLACEMENT_CHARACTER;

/// A URL that stands between quotes in JavaScript and HTML, and between single ones in a shell, without leaving them: what no
/// URL may hold is percent-encoded, and so is `'`.
pub(super) fn quotable(url: &str) -> String {
    let mut safe = String::with_capacity(url.len());
    for byte in url.bytes() {
        match byte {
            b'!' | b'#'..=b'&' | b'('..=b';' | b'=' | b'?'..=b'[' | b']' | b'_' | b'a'..=b'z' | b'~' => {
                safe.push(char::from(byte));
            }
            byte => safe.push_str(&format!("%{byte:02X}")),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hidden_signs_are_shown_and_long_texts_cut() {
        assert_eq!(shown("  two\nlines ", 99), "two lines");
        assert_eq!(shown("pay \u{202e}01.0$\u{202c}", 99), "pay \u{fffd}01.0$\u{fffd}");
        assert_eq!(shown("\u{0}\u{1b}[2J\u{200b}\u{feff}", 99), "\u{fffd}\u{fffd}[2J\u{fffd}\u{fffd}");
        assert_eq!(shown("مرحبا 👩‍🚀", 99), "مرحبا 👩‍🚀");
        assert_eq!(shown("12345", 5), "12345");
        assert_eq!(shown("123456", 5), "12345…");
    }

    #[test]
    fn an_ordinary_url_stays_as_it_is() {
        let url = "https://api.example:8443/a/b%20c;v=1/~x?q=1&r=[2]#top";
        assert_eq!(quotable(url), url);
    }

    proptest! {
        #[test]
        fn no_url_leaves_its_quotes(url: String) {
            let safe = quotable(&url);
            prop_assert!(safe.bytes().all(|b| b.is_ascii_graphic() && !b"'\"\\`<>".contains(&b)), "{safe}");
        }
    }
}
