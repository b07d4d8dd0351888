//! HTTP to a provider: pooled, bounded in time and size, and honest about whether a request can have arrived.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header::RETRY_AFTER};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::crypto::ring;

use crate::outcome::Fault;

/// Longer answers are not read.
const MAX_ANSWER: usize = 4 * 1024 * 1024;
/// A provider's words are cut to this many characters.
const MAX_WORDS: usize = 300;

/// A base URL that cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BadBaseUrl {
    /// Not `http(s)://host[:port]`, or plain HTTP to another machine.
    #[error("the address of {0} must read https://host[:port], or http:// on this machine")]
    Address(&'static str),
    /// A key with characters that no header can carry.
    #[error("the key of {0} has characters that no key has")]
    Key(&'static str),
    /// TLS is not available.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// One request. The authorization is the wire's own.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Path and query, beginning with `/`.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        let (headers, body) = (Vec::new(), Bytes::new());
        Self { method: Method::GET, path: path.into(), headers, content_type: "", body }
    }

    pub(crate) fn post(path: impl Into<String>, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let headers = Vec::new();
        Self { method: Method::POST, path: path.into(), headers, content_type, body: body.into() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// The seconds of `Retry-After`.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
    }
}

/// No answer.
#[derive(Debug, Clone)]
pub(crate) enum Broken {
    /// No byte of the request left this machine.
    NotSent(Fault),
    /// It may have arrived.
    Unknown(Fault),
}

impl Broken {
    pub(crate) fn fault(self) -> Fault {
        match self {
            Self::NotSent(fault) | Self::Unknown(fault) => fault,
        }
    }
}

/// A connection pool to one provider's API.
#[derive(Clone)]
pub(crate) struct Wire {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    provider: &'static str,
    base: String,
    authorization: Option<HeaderValue>,
    timeout: Duration,
}

impl Wire {
    /// A wire to `base`, with this `Authorization` on every request. A request ends after `timeout`, answer included.
    pub(crate) fn new(
        provider: &'static str,
        base: &str,
        authorization: Option<&str>,
        timeout: Duration,
    ) -> Result<Self, BadBaseUrl> {
        let base = base.trim_end_matches('/').to_owned();
        if !usable(&base) {
            return Err(BadBaseUrl::Address(provider));
        }
        let authorization = authorization.map(|text| {
            let mut value = HeaderValue::from_str(text).map_err(|_| BadBaseUrl::Key(provider))?;
            value.set_sensitive(true);
            Ok(value)
        });
        let authorization = authorization.transpose()?;
        Ok(Self { http: http_client()?, provider, base, authorization, timeout })
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn send(&self, call: Call) -> Result<Reply, Broken> {
        let request = self.request(call)?;
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(Broken::Unknown(self.fault("no answer in time"))),
        }
    }

    pub(crate) fn fault(&self, what: impl Into<String>) -> Fault {
        Fault::new(self.provider, what)
    }

    fn request(&self, call: Call) -> Result<Request<Full<Bytes>>, Broken> {
        let unsendable = |_| Broken::NotSent(self.fault("the request cannot be written"));
        let mut request = Request::builder().method(call.method).uri(format!("{}{}", self.base, call.path));
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if !call.content_type.is_empty() {
            request = request.header(http::header::CONTENT_TYPE, call.content_type);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(http::header::AUTHORIZATION, authorization);
        }
        request.body(Full::new(call.body)).map_err(unsendable)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Reply, Broken> {
        let answer = self.http.request(request).await.map_err(|error| match error.is_connect() {
            true => Broken::NotSent(self.fault("no connection")),
            false => Broken::Unknown(self.fault("the connection broke")),
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|_| Broken::Unknown(self.fault("the answer broke off or is too long")))?.to_bytes();
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
    }
}

/// A key goes over TLS, or stays on this machine.
fn usable(base: &str) -> bool {
    let Ok(uri) = base.parse::<Uri>() else { return false };
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else { return false };
    let here = matches!(host, "localhost" | "[::1]") || host.starts_with("127.");
    let plain = uri.path_and_query().is_none_or(|path| path.query().is_none());
    let user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    plain && !user && (uri.scheme_str() == Some("https") || (uri.scheme_str() == Some("http") && here))
}

/// One segment of a path, whatever is in it.
pub(crate) fn segment(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Fields as a query, or as a form's body.
pub(crate) fn form(fields: &[(&str, String)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields.iter().map(|(name, value)| (*name, value.as_str())));
    form.finish()
}

/// A provider's words, fit for a log line or a merchant.
pub(crate) fn cut(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}

fn http_client() -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, BadBaseUrl> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(Duration::from_secs(3)));
    // The crypto provider is handed over, so that no process-wide default is needed or touched.
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(ring::default_provider())
        .map_err(|error| BadBaseUrl::Tls(error.to_string()))?;
    let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .build(connector))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_over_tls_or_stays_on_this_machine() {
        for good in
            ["https://api.stripe.com", "https://api.stripe.com/", "http://127.0.0.1:8420", "http://localhost:1/x"]
        {
            assert!(usable(good.trim_end_matches('/')), "{good}");
        }
        for bad in ["http://api.stripe.com", "ftp://localhost", "api.stripe.com", "https://a@b.c", "https://a?b=c", ""]
        {
            assert!(!usable(bad), "{bad}");
        }
    }

    #[test]
    fn a_providers_words_are_cut_to_one_line() {
        assert_eq!(cut("a\nb"), "ab");
        assert_eq!(cut(&"x".repeat(1000)).len(), MAX_WORDS);
    }

    #[tokio::test]
    async fn a_refused_connection_was_not_sent() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let wire = Wire::new("sim", &base, None, Duration::from_secs(2)).unwrap();
        assert!(matches!(wire.send(Call::get("/")).await, Err(Broken::NotSent(_))));
    }
}
