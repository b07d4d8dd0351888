//! Payment headers on requests and answers.

use std::sync::Arc;

use farebox_x402::{
    Receipt,
    header::{self, MAX_LEN},
    networks,
};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, CONTENT_LENGTH, RETRY_AFTER},
};

pub(crate) const REQUIRED: HeaderName = HeaderName::from_static(header::PAYMENT_REQUIRED);
const SIGNATURE: HeaderName = HeaderName::from_static(header::PAYMENT_SIGNATURE);
const RESPONSE: HeaderName = HeaderName::from_static(header::PAYMENT_RESPONSE);
const X_PAYMENT: HeaderName = HeaderName::from_static(header::X_PAYMENT);
const X_RESPONSE: HeaderName = HeaderName::from_static(header::X_PAYMENT_RESPONSE);
/// What scripts of other origins may read.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE, PAYMENT-RECEIPT-LOCATION");

/// A payment header that is refused unread; the text is for the payer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable(pub(crate) &'static str);

/// Where the receipt of a streamed answer can be asked for.
pub(crate) const RECEIPT_LOCATION: HeaderName = HeaderName::from_static("payment-receipt-location");
const PAYMENTS: [HeaderName; 2] = [SIGNATURE, X_PAYMENT];

/// Marks every payment header sensitive.
pub(crate) fn hide_payment(headers: &mut HeaderMap) {
    for name in PAYMENTS {
        if let http::header::Entry::Occupied(mut entry) = headers.entry(name) {
            entry.iter_mut().for_each(|value| value.set_sensitive(true));
        }
    }
}

/// Whether there is a payment to read.
pub(crate) fn presents_payment(headers: &HeaderMap) -> bool {
    PAYMENTS.iter().any(|name| headers.contains_key(name))
}

/// Keeps a payment that is not used from whoever is behind the gate.
pub(crate) fn remove_payment(headers: &mut HeaderMap) {
    for name in PAYMENTS {
        headers.remove(name);
    }
}

/// Whether a header of the gate's own answers is the protocol's, whatever their body.
pub(crate) fn belongs_to_payment(name: &HeaderName) -> bool {
    [REQUIRED, RESPONSE, X_RESPONSE, ACCESS_CONTROL_EXPOSE_HEADERS, CACHE_CONTROL, RETRY_AFTER].contains(name)
}

/// The payment a request presents: its first non-empty payment header; where `v1` counts, else its first `X-PAYMENT`. Every
/// header of these names is marked sensitive, so that no log of the request prints it.
pub(crate) fn take_payment(headers: &mut HeaderMap, v1: bool) -> Option<Result<Arc<str>, Unreadable>> {
    let current = take(headers, SIGNATURE);
    let older = if v1 { take(headers, X_PAYMENT) } else { None };
    current.or(older)
}

fn take(headers: &mut HeaderMap, name: HeaderName) -> Option<Result<Arc<str>, Unreadable>> {
    let http::header::Entry::Occupied(mut entry) = headers.entry(name) else { return None };
    entry.iter_mut().for_each(|value| value.set_sensitive(true));
    entry.iter().map(|value| value.as_bytes().trim_ascii()).find(|value| !value.is_empty()).map(read)
}

fn read(value: &[u8]) -> Result<Arc<str>, Unreadable> {
    if value.len() > MAX_LEN {
        return Err(Unreadable("the payment header is longer than 16384 bytes"));
    }
    str::from_utf8(value).map(Into::into).map_err(|_| Unreadable("the payment header is not text"))
}

/// Puts the receipt on an answer, and keeps shared caches from serving it to those who did not pay.
pub(crate) fn put_receipt(headers: &mut HeaderMap, receipt: &Receipt, v1: bool) {
    headers.remove(RESPONSE);
    headers.remove(X_RESPONSE);
    let (name, value) = self::receipt(receipt, v1);
    headers.insert(name, value);
    expose(headers);
    make_private(headers);
}

/// The receipt alone, for an answer that is stored nowhere; in version 1 under its name and with the network's short one.
pub(crate) fn receipt(receipt: &Receipt, v1: bool) -> (HeaderName, HeaderValue) {
    if !v1 {
        return (RESPONSE, header::encode(receipt));
    }
    let network = networks::short_name(&receipt.network).unwrap_or(&receipt.network).to_owned();
    (X_RESPONSE, header::encode(&Receipt { network, ..receipt.clone() }))
}

/// Lets scripts of other origins read what the gate says, beside what they may read anyway.
pub(crate) fn expose(headers: &mut HeaderMap) {
    headers.append(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// The length an answer declares, if it does.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Keeps an answer from caches that serve many people.
pub(crate) fn make_private(headers: &mut HeaderMap) {
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
        let presented = take_payment(&mut headers, false);
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
    fn the_header_of_version_1_counts_where_it_may_and_the_current_one_is_missing() {
        let mut headers = HeaderMap::new();
        headers.insert(X_PAYMENT, HeaderValue::from_static("older"));
        assert_eq!(take_payment(&mut headers, false), None);
        assert_eq!(take_payment(&mut headers, true), Some(Ok("older".into())));
        assert!(headers[X_PAYMENT].is_sensitive());
        headers.insert(SIGNATURE, HeaderValue::from_static("newer"));
        assert_eq!(take_payment(&mut headers, true), Some(Ok("newer".into())));
    }

    #[test]
    fn a_receipt_in_version_1_has_its_name_and_its_networks() {
        let receipt = Receipt { network: "eip155:84532".to_owned(), ..Receipt::default() };
        let (name, value) = super::receipt(&receipt, true);
        assert_eq!(name, "x-payment-response");
        assert_eq!(header::decode::<Receipt>(value.as_bytes()).unwrap().network, "base-sepolia");
        assert_eq!(super::receipt(&receipt, false).0, "payment-response");
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
        put_receipt(&mut headers, &Receipt::default(), false);
        assert_eq!(headers.get_all(CACHE_CONTROL).iter().collect::<Vec<_>>(), [after]);
    }

    #[test]
    fn a_handlers_own_receipt_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.append(RESPONSE, HeaderValue::from_static("forged"));
        headers.append(RESPONSE, HeaderValue::from_static("twice"));
        put_receipt(&mut headers, &Receipt { success: true, ..Receipt::default() }, false);
        let all: Vec<_> = headers.get_all(RESPONSE).iter().collect();
        assert_eq!(all.len(), 1);
        assert!(header::decode::<Receipt>(all[0].as_bytes()).unwrap().success);
    }
}
