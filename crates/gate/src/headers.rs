//! Payment headers on requests and answers.

use std::sync::Arc;

use farebox_x402::{
    Receipt,
    header::{self, MAX_LEN},
};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CACHE_CONTROL, CONTENT_LENGTH},
};

pub(crate) const REQUIRED: HeaderName = HeaderName::from_static(header::PAYMENT_REQUIRED);
const SIGNATURE: HeaderName = HeaderName::from_static(header::PAYMENT_SIGNATURE);
const RESPONSE: HeaderName = HeaderName::from_static(header::PAYMENT_RESPONSE);

/// A payment header that is refused unread; the text is for the payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) &'static str);

/// The payment a request presents: its first non-empty payment header. Every header of that name is marked sensitive,
/// so that no log of the request prints it.
pub(crate) fn take_payment(headers: &mut HeaderMap) -> Option<Result<Arc<str>, Unreadable>> {
    if let http::header::Entry::Occupied(mut entry) = headers.entry(SIGNATURE) {
        entry.iter_mut().for_each(|value| value.set_sensitive(true));
    }
    let values = headers.get_all(SIGNATURE).iter();
    let value = values.map(|value| value.as_bytes().trim_ascii()).find(|value| !value.is_empty())?;
    Some(read(value))
}

fn read(value: &[u8]) -> Result<Arc<str>, Unreadable> {
    if value.len() > MAX_LEN {
        return Err(Unreadable("the payment header is longer than 16384 bytes"));
    }
    str::from_utf8(value).map(Into::into).map_err(|_| Unreadable("the payment header is not text"))
}

/// Puts the receipt on an answer, and keeps shared caches from serving it to those who did not pay.
pub(crate) fn put_receipt(headers: &mut HeaderMap, receipt: &Receipt) {
    headers.insert(RESPONSE, header::encode(receipt));
    make_private(headers);
}

/// The receipt alone, for an answer that is stored nowhere.
pub(crate) fn receipt(receipt: &Receipt) -> (HeaderName, HeaderValue) {
    (RESPONSE, header::encode(receipt))
}

/// The length an answer declares, if it does.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn make_private(headers: &mut HeaderMap) {
    let kept: Vec<&str> = headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|directive| !directive.is_empty() && !is_shared(directive))
        .collect();
    let already =
        kept.iter().any(|directive| ["private", "no-store"].iter().any(|it| directive.eq_ignore_ascii_case(it)));
    let value = match (kept.is_empty(), already) {
        (true, _) => HeaderValue::from_static("private"),
        (false, true) => HeaderValue::try_from(kept.join(", ")).unwrap_or(NO_STORE),
        (false, false) => HeaderValue::try_from(kept.join(", ") + ", private").unwrap_or(NO_STORE),
    };
    headers.insert(CACHE_CONTROL, value);
}

pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Directives for caches that serve many people.
fn is_shared(directive: &str) -> bool {
    let name = directive.split('=').next().unwrap_or(directive).trim();
    name.eq_ignore_ascii_case("public") || name.eq_ignore_ascii_case("s-maxage")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn presented(values: &[&[u8]]) -> Option<Result<Arc<str>, Unreadable>> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(SIGNATURE, HeaderValue::from_bytes(value).unwrap());
        }
        let presented = take_payment(&mut headers);
        assert!(headers.values().all(HeaderValue::is_sensitive));
        presented
    }

    #[test]
    fn the_first_payment_header_that_holds_something_counts() {
        assert_eq!(presented(&[]), None);
        assert_eq!(presented(&[b"", b"  "]), None);
        assert_eq!(presented(&[b"", b" one ", b"two"]), Some(Ok("one".into())));
    }

    #[test]
    fn a_header_that_cannot_be_read_says_why() {
        assert_eq!(presented(&[&[b'a'; MAX_LEN]]).unwrap().unwrap().len(), MAX_LEN);
        assert!(presented(&[&[b'a'; MAX_LEN + 1]]).unwrap().unwrap_err().0.contains("16384"));
        assert!(presented(&[b"\xff\xfe"]).unwrap().unwrap_err().0.contains("not text"));
    }

    #[rstest]
    #[case(&[], "private")]
    #[case(&["max-age=60"], "max-age=60, private")]
    #[case(&["public, max-age=60"], "max-age=60, private")]
    #[case(&["PUBLIC", "s-maxage=9"], "private")]
    #[case(&["private"], "private")]
    #[case(&["no-store"], "no-store")]
    #[case(&["max-age=1", "Private"], "max-age=1, Private")]
    fn a_paid_answer_is_never_for_shared_caches(#[case] before: &[&'static str], #[case] after: &str) {
        let mut headers = HeaderMap::new();
        for value in before {
            headers.append(CACHE_CONTROL, HeaderValue::from_static(value));
        }
        put_receipt(&mut headers, &Receipt::default());
        assert_eq!(headers.get_all(CACHE_CONTROL).iter().collect::<Vec<_>>(), [after]);
    }

    #[test]
    fn a_handlers_own_receipt_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.append(RESPONSE, HeaderValue::from_static("forged"));
        headers.append(RESPONSE, HeaderValue::from_static("twice"));
        put_receipt(&mut headers, &Receipt { success: true, ..Receipt::default() });
        let all: Vec<_> = headers.get_all(RESPONSE).iter().collect();
        assert_eq!(all.len(), 1);
        assert!(header::decode::<Receipt>(all[0].as_bytes()).unwrap().success);
    }
}
