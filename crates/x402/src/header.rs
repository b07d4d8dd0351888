//! Header names and their base64 JSON codec.

use std::time::Duration;

use base64::{
    Engine,
    alphabet::{STANDARD as STANDARD_ALPHABET, URL_SAFE as URL_SAFE_ALPHABET},
    engine::{
        DecodePaddingMode::Indifferent,
        general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD},
    },
};
use bytes::Bytes;
use farebox_types::is_shallow;
use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};
use serde::{Serialize, de::DeserializeOwned};

/// On a 402 answer: the offer.
pub const PAYMENT_REQUIRED: &str = "payment-required";
/// On a request: the payment.
pub const PAYMENT_SIGNATURE: &str = "payment-signature";
/// On a paid answer: the receipt.
pub const PAYMENT_RESPONSE: &str = "payment-response";
/// On a request: the payment, in version 1.
pub const X_PAYMENT: &str = "x-payment";
/// On a paid answer: the receipt, in version 1.
pub const X_PAYMENT_RESPONSE: &str = "x-payment-response";
/// On a facilitator's answer: what became of each extension.
pub const EXTENSION_RESPONSES: &str = "extension-responses";
/// From a handler to the gate: what an `upto` payment comes to. Never sent to the client.
pub const SETTLEMENT_OVERRIDES: &str = "settlement-overrides";

/// A payment header longer than this is refused unread: 16 KiB.
pub const MAX_LEN: usize = 16 * 1024;
/// JSON nested deeper than this is refused unread.
pub const MAX_DEPTH: usize = 32;

const EITHER_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(Indifferent);
const STANDARD_ANY: GeneralPurpose = GeneralPurpose::new(&STANDARD_ALPHABET, EITHER_PADDING);
const URL_SAFE_ANY: GeneralPurpose = GeneralPurpose::new(&URL_SAFE_ALPHABET, EITHER_PADDING);

/// A payment header that cannot be read; the text is safe to show to the payer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// Over [`MAX_LEN`].
    #[error("the payment header is longer than 16384 bytes")]
    TooLong,
    /// Not base64 of either alphabet.
    #[error("the payment header is not base64")]
    NotBase64,
    /// Base64 of something that is not JSON, or cut short, or nested too deep.
    #[error("the payment header is not base64 of a JSON object")]
    NotJson,
    /// JSON of another shape.
    #[error("the payment header has an unexpected shape: {0}")]
    WrongShape(String),
}

/// Bytes of a payment header: standard or URL-safe base64, padded or not, at most [`MAX_LEN`] characters.
///
/// # Errors
/// [`BadHeader`], before anything is allocated for over-long input.
pub fn decode_bytes(value: &[u8]) -> Result<Bytes, BadHeader> {
    let url_safe = value.iter().any(|b| matches!(b, b'-' | b'_'));
    decode_with(if url_safe { &URL_SAFE_ANY } else { &STANDARD_ANY }, value)
}

/// Bytes of a header of x402 or t402: the standard alphabet, padded or not, at most [`MAX_LEN`] characters.
///
/// # Errors
/// [`BadHeader`], before anything is allocated for over-long input.
pub fn decode_standard(value: &[u8]) -> Result<Bytes, BadHeader> {
    decode_with(&STANDARD_ANY, value)
}

fn decode_with(engine: &GeneralPurpose, value: &[u8]) -> Result<Bytes, BadHeader> {
    if value.len() > MAX_LEN {
        return Err(BadHeader::TooLong);
    }
    let bytes = engine.decode(value).map_err(|_| BadHeader::NotBase64)?;
    if !is_shallow_object(&bytes) {
        return Err(BadHeader::NotJson);
    }
    Ok(bytes.into())
}

/// Reads a header's JSON object.
///
/// # Errors
/// [`BadHeader`] saying which of encoding, syntax or shape is wrong.
pub fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T, BadHeader> {
    let bytes = decode_bytes(value)?;
    serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => BadHeader::WrongShape(error.to_string()),
        _ => BadHeader::NotJson,
    })
}

/// The seconds form of `Retry-After`; the date form is as good as none where clocks are not compared.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// Standard padded base64 of compact JSON, as every reader of `payment-required` and `payment-response` expects.
pub fn encode<T: Serialize>(object: &T) -> HeaderValue {
    let json = serde_json::to_vec(object).unwrap_or_default();
    HeaderValue::try_from(STANDARD.encode(json)).unwrap_or(HeaderValue::from_static(""))
}

/// URL-safe unpadded base64 of compact JSON: the text form of an access token.
pub fn encode_token<T: Serialize>(object: &T) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(object).unwrap_or_default())
}

/// A cheap look before parsing: an object, and nesting bounded (string contents are skipped).
pub(crate) fn is_shallow_object(json: &[u8]) -> bool {
    if !is_shallow(json, MAX_DEPTH) {
        return false;
    }
    json.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn both_alphabets_with_and_without_padding_are_read() {
        let object = json!({"a": "ÿÿ>>??", "b": 1});
        let text = serde_json::to_vec(&object).unwrap();
        for encoded in [
            STANDARD.encode(&text),
            URL_SAFE_NO_PAD.encode(&text),
            STANDARD.encode(&text).trim_end_matches('=').to_owned(),
            base64::engine::general_purpose::URL_SAFE.encode(&text),
        ] {
            assert_eq!(decode::<Value>(encoded.as_bytes()), Ok(object.clone()));
        }
    }

    #[test]
    fn each_kind_of_bad_header_says_what_is_wrong() {
        let long = vec![b'A'; MAX_LEN + 1];
        assert_eq!(decode::<Value>(&long), Err(BadHeader::TooLong));
        assert_eq!(decode::<Value>(b"!!!"), Err(BadHeader::NotBase64));
        assert_eq!(decode::<Value>(b"a b"), Err(BadHeader::NotBase64));
        assert_eq!(decode::<Value>(STANDARD.encode("[1]").as_bytes()), Err(BadHeader::NotJson));
        assert_eq!(decode::<Value>(STANDARD.encode("{\"a\":").as_bytes()), Err(BadHeader::NotJson));
        let deep = format!("{{\"a\":{}", "[".repeat(5000));
        assert_eq!(decode::<Value>(STANDARD.encode(deep).as_bytes()), Err(BadHeader::NotJson));
        let wrong = decode::<crate::AccessToken>(STANDARD.encode("{\"x402Version\":\"2\"}").as_bytes());
        assert!(matches!(wrong, Err(BadHeader::WrongShape(_))));
    }

    proptest! {
        #[test]
        fn no_input_panics(value in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode::<crate::AccessToken>(&value);
            let _ = decode::<crate::AccessToken>(STANDARD.encode(&value).as_bytes());
        }
    }
}
