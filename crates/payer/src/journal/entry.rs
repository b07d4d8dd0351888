//! One authorization, from the moment it is written down to its end.

use std::time::Duration;

use farebox_types::Timestamp;
use http::{HeaderName, HeaderValue, Method};
use reqwest::Url;
use sha2::{Digest, Sha256};

use crate::{Request, fare::Fare};

/// A chain's clock may be behind ours: an authorization can be settled a little after it has expired here.
const GRACE: Duration = Duration::from_secs(30);

/// An authorization of a payment on a chain. The header can be brought to the chain by whoever reads it, so there is no
/// `Debug`.
#[derive(Clone)]
pub(crate) struct Entry {
    /// The nonce in hex: names the authorization.
    pub(crate) id: String,
    /// The request it pays for, whether or not it could be kept.
    pub(crate) purpose: Purpose,
    /// `None` if the body was too long to keep: it can be sent again by the caller only.
    pub(crate) request: Option<Request>,
    /// The payment's header.
    pub(crate) header: (HeaderName, HeaderValue),
    pub(crate) fare: Fare,
    pub(crate) payer: String,
    pub(crate) signed_at: Timestamp,
    /// From then on the chain refuses it.
    pub(crate) valid_until: Timestamp,
    /// What is known of it.
    pub(crate) standing: Standing,
}

/// What is known of an authorization that can still be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was written down; whether it was sent, nobody knows who was not there.
    Written,
    /// It was sent, and what became of it is not known.
    Unknown,
    /// The seller refused it.
    Refused,
    /// The seller failed, and says nothing of the payment.
    Unspent,
}

/// How an authorization ended, or did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It stays open.
    Open(Standing),
    /// Nobody but us has seen it.
    Unsent,
    /// The request was answered; with the chain's transaction if the seller named it.
    Answered {
        /// Of the receipt.
        transaction: Option<String>,
    },
    /// It was spent by us, and the answer is lost.
    Lost,
}

impl Entry {
    /// Whether it is certain that it can no longer be settled.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now > self.valid_until.after(GRACE)
    }
}

/// SHA-256 over method, URL without its fragment, and body: two requests alike in these are one request, as far as paying
/// for it again is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Purpose(pub(crate) [u8; 32]);

impl Purpose {
    pub(crate) fn of(request: &Request) -> Self {
        let url = request.url.as_str();
        let url = url.split('#').next().unwrap_or(url);
        let mut hash = Sha256::new();
        for part in [request.method.as_str().as_bytes(), b"\0", url.as_bytes(), b"\0", &request.body] {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// A longer body is not kept.
const LONGEST_BODY: usize = 64 * 1024;

/// The request as it is kept: without the headers that hold the caller's own secrets, which outlive the payment.
pub(crate) fn kept(request: &Request) -> Option<Request> {
    if request.body.len() > LONGEST_BODY {
        return None;
    }
    let mut kept = request.clone();
    let secret = |name: &HeaderName, value: &HeaderValue| {
        let name = name.as_str();
        value.is_sensitive() || ["auth", "cookie", "key", "token", "secret"].iter().any(|word| name.contains(word))
    };
    let dropped: Vec<_> =
        kept.headers.iter().filter(|(name, value)| secret(name, value)).map(|(name, _)| name.clone()).collect();
    for name in dropped {
        kept.headers.remove(name);
    }
    Some(kept)
}

/// A request as it was read back.
pub(crate) fn restored(method: &str, url: &str) -> Option<Request> {
    let method: Method = method.parse().ok()?;
    let url: Url = url.parse().ok()?;
    Request::new(method, url.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str, body: &'static str) -> Request {
        let mut request = restored(method, url).unwrap();
        request.body = body.into();
        request
    }

    #[test]
    fn a_request_is_its_method_its_url_and_its_body() {
        let one = request("POST", "https://a.example/x?q=1", "body");
        assert_eq!(Purpose::of(&one), Purpose::of(&request("POST", "https://A.example:443/x?q=1#top", "body")));
        for other in [
            request("PUT", "https://a.example/x?q=1", "body"),
            request("POST", "https://a.example/x?q=2", "body"),
            request("POST", "https://b.example/x?q=1", "body"),
            request("POST", "https://a.example/x?q=1", "bod"),
        ] {
            assert_ne!(Purpose::of(&one), Purpose::of(&other), "{other:?}");
        }
    }

    #[test]
    fn the_callers_secrets_are_not_kept_and_neither_is_a_long_body() {
        let mut one = request("POST", "https://a.example/", "body");
        for name in ["authorization", "cookie", "x-api-key", "x-session-token", "accept"] {
            one.headers.insert(name, HeaderValue::from_static("v"));
        }
        let kept = kept(&one).unwrap();
        assert_eq!(kept.headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
        one.body = vec![0; LONGEST_BODY + 1].into();
        assert!(super::kept(&one).is_none());
    }
}
