//! What a browser may do with a page.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use sha2::{Digest, Sha256};

use crate::headers::NO_STORE;

/// For a seller's own page: its styles, pictures and fonts, no scripts unless its own policy says so.
pub(super) const OWN: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// `'sha256-…'`: lets exactly this inline style or script through.
pub(super) fn source(text: &str) -> String {
    format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)))
}

/// The policy of our own page: the styles and scripts named, pictures inside the document, and the seller's if it has a path.
pub(super) fn strict(style: &str, scripts: &[String], pictures_of_self: bool) -> HeaderValue {
    let scripts = scripts.join(" ");
    let own = if pictures_of_self { " 'self'" } else { "" };
    let policy = format!(
        "default-src 'none'; style-src {style}; script-src {scripts}; img-src data:{own}; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(OWN)
}

/// The headers of a page.
pub(super) fn headers(policy: HeaderValue, language: Option<HeaderValue>) -> HeaderMap {
    let fixed: [(HeaderName, HeaderValue); 6] = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CACHE_CONTROL, NO_STORE),
        (VARY, HeaderValue::from_static("Accept, User-Agent")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    let mut headers: HeaderMap = fixed.into_iter().collect();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.extend(language.map(|language| (CONTENT_LANGUAGE, language)));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_the_hash_that_browsers_compute() {
        // The example in the Content Security Policy standard.
        assert_eq!(source("alert('Hello, world.');"), "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='");
    }
}
