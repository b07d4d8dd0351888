//! Where the calls go: one API, its pooled connections, its limits.

use std::time::Duration;

use bytes::Bytes;
use farebox_types::Secret;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use opentelemetry::{Context, global, propagation::Injector};
use rustls::crypto::ring;

use crate::{
    error::{BadClient, Error},
    forward::{Exchange, Forward, Forwarded},
};

const API_VERSION: HeaderName = HeaderName::from_static("paylera-api-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const REPRESENTATION: HeaderValue = HeaderValue::from_static("return=representation");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// Shorter than the idle time of common servers and proxies, so that it is the client that closes first.
const IDLE: Duration = Duration::from_secs(30);
/// The longest answer that is read: invoices and catalogues are far below.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// One API, and what every request to it carries.
pub(crate) struct Endpoint {
    http: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base_url: String,
    headers: HeaderMap,
}

impl Endpoint {
    pub(crate) fn new(
        base_url: &str,
        token: Option<&Secret>,
        version: &str,
        connect_timeout: Duration,
    ) -> Result<Self, BadClient> {
        let base_url = plain_address(base_url)?.to_owned();
        Ok(Self { http: pool(connect_timeout)?, base_url, headers: headers(token, version)? })
    }

    pub(crate) fn uri(&self, path: &str) -> Result<Uri, Error> {
        let whole = format!("{}{path}", self.base_url);
        if path.starts_with('/') { whole.parse().map_err(|_| Error::Path) } else { Err(Error::Path) }
    }

    /// One attempt.
    pub(crate) async fn exchange(&self, exchange: &Exchange<'_>, uri: &Uri) -> Result<Forwarded, Error> {
        let Forward { method, body, idempotency_key, .. } = &exchange.call;
        let mut request = Request::new(Full::new(body.clone().unwrap_or_default()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers.clone();
        if body.is_some() {
            request.headers_mut().insert(CONTENT_TYPE, JSON);
        }
        if exchange.representation {
            request.headers_mut().insert(PREFER, REPRESENTATION);
        }
        if let Some(key) = idempotency_key {
            // Visible ASCII by its type.
            let key = HeaderValue::from_str(key.as_str()).map_err(|_| Error::Path)?;
            request.headers_mut().insert(IDEMPOTENCY_KEY, key);
        }
        let mut trace = Trace(request.headers_mut());
        // W3C trace context, if the program has installed a propagator; else nothing.
        global::get_text_map_propagator(|propagator| propagator.inject_context(&Context::current(), &mut trace));
        let answer = self.http.request(request).await.map_err(|error| Error::Transport(error.into()))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LONGEST_ANSWER).collect().await;
        let body = body
            .map_err(|error| if error.is::<LengthLimitError>() { Error::TooLong } else { Error::Transport(error) })?;
        Ok(Forwarded { status: head.status, headers: head.headers, body: body.to_bytes() })
    }
}

/// A request's headers, for a propagator to write into.
struct Trace<'a>(&'a mut HeaderMap);

impl Injector for Trace<'_> {
    fn set(&mut self, key: &str, value: String) {
        // An empty tracestate says nothing.
        if let (Ok(name), Ok(value), false) =
            (HeaderName::try_from(key), HeaderValue::try_from(&value), value.is_empty())
        {
            self.0.insert(name, value);
        }
    }
}

fn pool(connect_timeout: Duration) -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, BadClient> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(connect_timeout));
    // The provider is handed over, so that no process-wide default is needed or touched.
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(ring::default_provider())
        .map_err(|error| BadClient::Tls(error.into()))?;
    let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build(connector))
}

fn headers(token: Option<&Secret>, version: &str) -> Result<HeaderMap, BadClient> {
    let mut headers = HeaderMap::with_capacity(7);
    if let Some(token) = token {
        let good = Some(token.expose()).filter(|token| !token.is_empty()).ok_or(BadClient::Token)?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {good}")).map_err(|_| BadClient::Token)?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    headers.insert(API_VERSION, HeaderValue::from_str(version).map_err(|_| BadClient::ApiVersion)?);
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("farebox/", env!("CARGO_PKG_VERSION"))));
    Ok(headers)
}

/// The address without its trailing slashes.
fn plain_address(base_url: &str) -> Result<&str, BadClient> {
    let uri: Uri = base_url.parse().map_err(|_| BadClient::BaseUrl)?;
    let http = matches!(uri.scheme_str(), Some("http" | "https"));
    let host = uri.host().is_some_and(|host| !host.is_empty());
    if !http || !host || base_url.contains(['@', '?', '#']) {
        return Err(BadClient::BaseUrl);
    }
    Ok(base_url.trim_end_matches('/'))
}
