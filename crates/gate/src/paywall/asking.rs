//! Who gets a page.

use http::{
    HeaderMap, HeaderName,
    header::{ACCEPT, USER_AGENT},
};

/// True for a browser that shows what it gets: `Accept` names HTML, and `User-Agent` is a browser's. Scripts and official
/// clients send neither, or only one.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    names(headers, &ACCEPT, b"text/html") && names(headers, &USER_AGENT, b"Mozilla")
}

fn names(headers: &HeaderMap, header: &HeaderName, word: &[u8]) -> bool {
    let has = |value: &[u8]| value.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
    headers.get_all(header).iter().any(|value| has(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0 Safari/537.36";

    #[rstest]
    #[case(&["text/html,application/xhtml+xml,*/*;q=0.8"], BROWSER, true)]
    #[case(&["application/json", "Text/HTML"], BROWSER, true)]
    #[case(&["*/*"], BROWSER, false)]
    #[case(&["application/json"], BROWSER, false)]
    #[case(&[], BROWSER, false)]
    #[case(&["text/html"], "curl/8.9", false)]
    #[case(&["text/html"], "", false)]
    fn a_browser_that_asks_for_html_gets_a_page(
        #[case] accepts: &[&'static str],
        #[case] agent: &'static str,
        #[case] wanted: bool,
    ) {
        let mut headers = HeaderMap::new();
        for accept in accepts {
            headers.append(ACCEPT, HeaderValue::from_static(accept));
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        assert_eq!(wants_page(&headers), wanted);
    }

    #[test]
    fn a_request_without_an_agent_or_with_bytes_for_one_gets_json() {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("text/html"));
        assert!(!wants_page(&headers));
        headers.insert(USER_AGENT, HeaderValue::from_bytes(b"\xff\xfeMoz").unwrap());
        assert!(!wants_page(&headers));
    }
}
