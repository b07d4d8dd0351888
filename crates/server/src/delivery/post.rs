//! One attempt: a signed POST, bounded in time and size, to an address that was looked at. Redirects are not followed.

use std::{error::Error, time::Duration};

use bytes::Bytes;
use farebox_store::Parcel;
use farebox_types::{Secret, Timestamp};
use farebox_webhook::{SIGNATURE, sign};
use http::{
    HeaderMap, HeaderValue, Request, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT},
};
use http_body_util::{BodyExt, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::crypto::ring;

use super::{
    address::{Lookup, Reach, Unreachable},
    envelope,
    url::checked,
};

/// For one attempt, from the connection to the answer's head, which says whether it was accepted.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of an answer is kept, and how long it is waited for.
const SNIPPET: usize = 1_024;
const SNIPPET_TIMEOUT: Duration = Duration::from_secs(2);
/// A receiver that asks for more time is given as much at most.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
const AGENT: HeaderValue = HeaderValue::from_static(concat!("Farebox/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");

type Pool = Client<HttpsConnector<HttpConnector<Lookup>>, Full<Bytes>>;

/// What a receiver answered, or what came of it instead.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) status: Option<u16>,
    pub(super) snippet: Option<String>,
    /// A fixed word; `None` if it was accepted.
    pub(super) failure: Option<&'static str>,
    /// How long the receiver asks to be left alone.
    pub(super) pause: Option<Duration>,
}

impl Outcome {
    pub(super) fn failed(why: &'static str) -> Self {
        Self { failure: Some(why), ..Self::default() }
    }
}

/// Connections to receivers; those that may lead anywhere are kept apart.
pub(super) struct Poster {
    public: Pool,
    any: Pool,
}

impl Poster {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self { public: pool(Reach::Public)?, any: pool(Reach::Any)? })
    }

    /// Posts an event, signed with `secrets` at `now`.
    pub(super) async fn post(&self, parcel: &Parcel, reach: Reach, secrets: &[Secret], now: Timestamp) -> Outcome {
        let Ok(uri) = checked(&parcel.endpoint.url, reach) else { return Outcome::failed("address_refused") };
        let Some(body) = envelope::body(&parcel.event) else { return Outcome::failed("unreadable") };
        let Ok(signature) = HeaderValue::try_from(sign(secrets, now, &body)) else {
            return Outcome::failed("unsigned");
        };
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(USER_AGENT, AGENT);
        headers.insert(SIGNATURE, signature);
        let pool = match reach {
            Reach::Public => &self.public,
            Reach::Any => &self.any,
        };
        exchange(pool, request).await
    }
}

async fn exchange(pool: &Pool, request: Request<Full<Bytes>>) -> Outcome {
    let answer = match tokio::time::timeout(TIMEOUT, pool.request(request)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Outcome::failed(broken(&error)),
        Err(_) => return Outcome::failed("timeout"),
    };
    let (head, body) = answer.into_parts();
    Outcome {
        status: Some(head.status.as_u16()),
        failure: judged(head.status),
        pause: pause(&head.headers),
        // What was accepted stays accepted, however its answer goes on.
        snippet: Some(beginning(body).await).filter(|text| !text.is_empty()),
    }
}

fn judged(status: StatusCode) -> Option<&'static str> {
    match status.as_u16() {
        200..=299 => None,
        300..=399 => Some("redirected"),
        _ => Some("status"),
    }
}

fn broken(error: &hyper_util::client::legacy::Error) -> &'static str {
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if error.is::<Unreachable>() || inner.is_some_and(|inner| inner.is::<Unreachable>()) {
            return "address_refused";
        }
        cause = error.source();
    }
    if error.is_connect() { "unreachable" } else { "broken" }
}

fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// How an answer begins, without what no column or terminal can bear.
async fn beginning(body: hyper::body::Incoming) -> String {
    let mut body = std::pin::pin!(body);
    let mut bytes = Vec::new();
    let end = tokio::time::Instant::now() + SNIPPET_TIMEOUT;
    while bytes.len() < SNIPPET {
        let Ok(Some(Ok(frame))) = tokio::time::timeout_at(end, body.frame()).await else { break };
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data[..data.len().min(SNIPPET - bytes.len())]);
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    text.chars().filter(|c| !c.is_control() || *c == '\n').collect()
}

fn pool(reach: Reach) -> Result<Pool, String> {
    let mut tcp = HttpConnector::new_with_resolver(Lookup(reach));
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    // The crypto provider is handed over, so that no process-wide default is needed or touched.
    let tls = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(ring::default_provider())
        .map_err(|error| error.to_string())?;
    let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(30))
        .pool_max_idle_per_host(4)
        .build(connector))
}
