//! The idempotency key that a write goes upstream with.

use axum::http::{HeaderMap, HeaderName};
use farebox_types::IdempotencyKey;
use uuid::Uuid;

use crate::problem::Refusal;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Keys of the relay's own begin with it: a browser that could use one would keep another user's customer from being created.
const RESERVED: &str = "paylera-relay-";

/// The browser's own key, as it is; none is fine, two, an odd one or one of the relay's own are not.
pub(crate) fn inbound_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Refusal> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let key = key.to_str().ok().and_then(|key| key.parse().ok()).filter(|_| keys.next().is_none());
    let key = key.filter(|key: &IdempotencyKey| !key.as_str().starts_with(RESERVED));
    key.map(Some).ok_or(Refusal::BadIdempotencyKey)
}

/// A version 7 UUID: keys that were made together lie together.
pub(crate) fn fresh_key() -> Result<IdempotencyKey, Refusal> {
    Uuid::now_v7().to_string().parse().map_err(|_| Refusal::BadIdempotencyKey)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<String>, Refusal> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
        }
        inbound_key(&headers).map(|key| key.map(|key| key.as_str().to_owned()))
    }

    #[test]
    fn the_key_that_came_is_kept_to_the_letter() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[b"Order-1:{x}"]), Ok(Some("Order-1:{x}".to_owned())));
        assert!(read(&["k".repeat(255).as_bytes()]).is_ok());
    }

    #[test]
    fn a_key_that_could_be_read_in_two_ways_is_refused() {
        let long = "k".repeat(256);
        for odd in [&b""[..], b"a b", b"a\tb", b"\xc3\xa4", long.as_bytes()] {
            assert_eq!(read(&[odd]), Err(Refusal::BadIdempotencyKey), "{odd:?}");
        }
        assert_eq!(read(&[b"a", b"a"]), Err(Refusal::BadIdempotencyKey));
    }

    #[test]
    fn no_browser_uses_a_key_of_the_relays_own() {
        let anns = b"paylera-relay-autocreate:ann@example.com";
        assert_eq!(read(&[anns]), Err(Refusal::BadIdempotencyKey));
        assert!(read(&[b"my-paylera-relay-key"]).is_ok());
    }

    #[test]
    fn a_fresh_key_is_a_version_7_uuid() {
        let key = fresh_key().unwrap();
        assert_eq!(key.as_str().parse::<Uuid>().unwrap().get_version_num(), 7);
    }
}
