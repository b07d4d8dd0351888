//! Where the calls go: one backend, its pooled connections, its limits.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use farebox_types::Secret;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::{Instant, timeout_at};

use super::{
    call::Call,
    pool::{Pool, pool},
};
use crate::{credits::API_PREFIX, header::retry_after, plain_address};

/// Limits of a [`super::CreditsClient`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientOptions {
    /// For one call, connection and answer included; 10 s.
    pub timeout: Duration,
    /// For the TCP part of a new connection, within `timeout`; 2 s.
    pub connect_timeout: Duration,
    /// The longest answer that is read, in bytes; 1 MiB.
    pub max_answer: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(10), connect_timeout: Duration::from_secs(2), max_answer: 1024 * 1024 }
    }
}

/// A client that cannot be set up. The texts hold no secret.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// Not `http(s)://host[:port][/path]`; user names, queries and fragments are refused.
    #[error("the backend's address must read http(s)://host[:port][/path], with no user, query or fragment")]
    Address,
    /// Empty, or with characters that no header can carry.
    #[error("the API key is empty or has characters that a header cannot carry")]
    Key,
    /// TLS is not available.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
}

/// An answer that was read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

/// No answer, or half of one.
pub(super) enum Broken {
    /// No connection: the call was not sent.
    Unsent(Box<dyn Error + Send + Sync>),
    /// The call may have been read.
    Lost(Box<dyn Error + Send + Sync>),
    /// The connection ended before the answer began.
    Unanswered(Box<dyn Error + Send + Sync>),
    /// The time is up.
    Timeout,
}

#[derive(Clone)]
pub(super) struct Endpoint {
    http: Pool,
    fixed: Arc<Fixed>,
    options: ClientOptions,
}

struct Fixed {
    base_url: String,
    api_key: Secret,
    headers: HeaderMap,
    verify: Uri,
    settle: Uri,
    release: Uri,
}

impl Endpoint {
    pub(super) fn new(base_url: &str, api_key: Secret, options: ClientOptions) -> Result<Self, BadConfig> {
        let base_url = plain_address(base_url).ok_or(BadConfig::Address)?;
        let uri = |call: Call| {
            format!("{base_url}{API_PREFIX}/x402/{}", call.name()).parse::<Uri>().map_err(|_| BadConfig::Address)
        };
        let fixed = Fixed {
            verify: uri(Call::Verify)?,
            settle: uri(Call::Settle)?,
            release: uri(Call::Release)?,
            headers: headers(&api_key)?,
            base_url: base_url.to_owned(),
            api_key,
        };
        Ok(Self {
            http: pool(options.connect_timeout).map_err(|error| BadConfig::Tls(error.into()))?,
            fixed: Arc::new(fixed),
            options,
        })
    }

    pub(super) fn base_url(&self) -> &str {
        &self.fixed.base_url
    }

    pub(super) fn api_key(&self) -> &str {
        self.fixed.api_key.expose()
    }

    /// One call. When `may_repeat`, a connection that ends before the answer begins is replaced once: an idle
    /// connection can die while the call is under way.
    pub(super) async fn post(&self, call: Call, body: Bytes, may_repeat: bool) -> Result<Answer, Broken> {
        let deadline = Instant::now() + self.options.timeout;
        match timeout_at(deadline, self.exchange(self.request(call, body.clone()))).await {
            Ok(Err(Broken::Unanswered(_))) if may_repeat => {}
            Ok(result) => return result,
            Err(_) => return Err(Broken::Timeout),
        }
        match timeout_at(deadline, self.exchange(self.request(call, body))).await {
            // The first one was sent, whatever became of the second.
            Ok(Err(Broken::Unsent(error))) => Err(Broken::Unanswered(error)),
            Ok(result) => result,
            Err(_) => Err(Broken::Timeout),
        }
    }

    fn request(&self, call: Call, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = self.fixed.headers.clone();
        *request.uri_mut() = match call {
            Call::Verify => self.fixed.verify.clone(),
            Call::Settle => self.fixed.settle.clone(),
            Call::Release => self.fixed.release.clone(),
        };
        request
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, Broken> {
        let answer = self.http.request(request).await.map_err(|error| match error.is_connect() {
            true => Broken::Unsent(error.into()),
            false => Broken::Unanswered(error.into()),
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, self.options.max_answer).collect().await.map_err(Broken::Lost)?;
        Ok(Answer { status: head.status, retry_after: retry_after(&head.headers), body: body.to_bytes() })
    }
}

fn headers(api_key: &Secret) -> Result<HeaderMap, BadConfig> {
    if api_key.expose().is_empty() {
        return Err(BadConfig::Key);
    }
    let bearer = format!("Bearer {}", api_key.expose());
    let mut bearer = HeaderValue::try_from(bearer).map_err(|_| BadConfig::Key)?;
    bearer.set_sensitive(true);
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(AUTHORIZATION, bearer);
    headers.insert("nevermined-version", HeaderValue::from_static("1.1"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_new(base_url: &str, key: &str) -> Result<Endpoint, BadConfig> {
        Endpoint::new(base_url, Secret::new(key.into()), ClientOptions::default())
    }

    #[test]
    fn the_calls_go_below_the_base_address() {
        let endpoint = try_new("https://credits.example/eu/", "local:k").unwrap();
        assert_eq!(endpoint.fixed.settle, "https://credits.example/eu/api/v1/x402/settle");
    }

    #[test]
    fn an_address_that_is_not_plain_http_is_refused() {
        for address in ["", "credits", "ftp://a", "http://", "http://u:p@a", "http://a/?x=1", "http://a/#f", "/a"] {
            assert!(matches!(try_new(address, "local:k"), Err(BadConfig::Address)), "{address}");
        }
    }

    #[test]
    fn a_key_that_no_header_carries_is_refused() {
        for key in ["", "a\nb", "a\0"] {
            assert!(matches!(try_new("http://a", key), Err(BadConfig::Key)), "{key:?}");
        }
    }
}
