//! One call: its headers, its redirects, its time.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri,
    header::{ACCEPT, CONTENT_TYPE, LOCATION},
};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::timeout;

use super::{
    super::{
        endpoint::BadConfig,
        pool::{Pool, pool},
    },
    Call, FacilitatorConfig, FacilitatorError,
};
use crate::{Family, header::retry_after, plain_address};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const REDIRECTS: usize = 3;

/// The way to one facilitator.
pub(super) struct Line {
    http: Pool,
    base: String,
    verify: Uri,
    settle: Uri,
    api_key: Option<HeaderValue>,
    config: FacilitatorConfig,
}

/// What is sent, wherever redirects lead.
struct Sent {
    method: Method,
    body: Bytes,
    idempotency_key: Option<HeaderValue>,
    /// What only the facilitator itself may see.
    made: Option<HeaderMap>,
}

/// An answer that was read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
    location: Option<HeaderValue>,
}

impl Line {
    pub(super) fn new(config: FacilitatorConfig) -> Result<Self, BadConfig> {
        let base = plain_address(&config.url).ok_or(BadConfig::Address)?.to_owned();
        let api_key = config.api_key.as_ref().map(|key| {
            let value = HeaderValue::try_from(key.expose()).ok().filter(|value| !value.is_empty());
            value.ok_or(BadConfig::Key).map(|mut value| {
                value.set_sensitive(true);
                value
            })
        });
        let at = |path: &str| format!("{base}{path}").parse::<Uri>().map_err(|_| BadConfig::Address);
        let (verify, settle) = (at("/verify")?, at("/settle")?);
        let http = pool(config.connect_timeout).map_err(|error| BadConfig::Tls(error.into()))?;
        Ok(Self { http, verify, settle, base, api_key: api_key.transpose()?, config })
    }

    pub(super) fn url(&self) -> &str {
        &self.base
    }

    pub(super) const fn flavour(&self) -> Family {
        self.config.flavour
    }

    /// Asks about a payment.
    pub(super) async fn post(
        &self,
        call: Call,
        body: Bytes,
        idempotency_key: Option<HeaderValue>,
    ) -> Result<Answer, FacilitatorError> {
        let uri = if call == Call::Settle { &self.settle } else { &self.verify };
        self.send(call, uri, Sent { method: Method::POST, body, idempotency_key, made: None }).await
    }

    /// Asks for what is not about a payment.
    pub(super) async fn get(&self, call: Call, path: &str) -> Result<Answer, FacilitatorError> {
        let uri: Uri =
            format!("{}{path}", self.base).parse().map_err(|_| network("has no such address", true, None))?;
        let sent = Sent { method: Method::GET, body: Bytes::new(), idempotency_key: None, made: None };
        self.send(call, &uri, sent).await
    }

    async fn send(&self, call: Call, uri: &Uri, mut sent: Sent) -> Result<Answer, FacilitatorError> {
        if let Some(make) = &self.config.headers {
            // Outside the call's own time: a provider has its own.
            sent.made = Some(make().await.map_err(FacilitatorError::Headers)?.of(call));
        }
        timeout(self.config.timeout, self.follow(uri, &sent))
            .await
            .unwrap_or_else(|_| Err(network("did not answer in time", false, None)))
    }

    async fn follow(&self, start: &Uri, sent: &Sent) -> Result<Answer, FacilitatorError> {
        let mut answer = self.exchange(self.request(start, sent, true)).await?;
        let mut uri = Cow::Borrowed(start);
        for _ in 0..REDIRECTS {
            let Some(target) = leads(&answer, &uri) else { return Ok(answer) };
            let at_home = target.authority() == start.authority() && target.scheme() == start.scheme();
            answer = self.exchange(self.request(&target, sent, at_home)).await.map_err(|error| match error {
                // Whoever redirected has seen the call.
                FacilitatorError::Network { what, source, .. } => network(what, false, source),
                error => error,
            })?;
            uri = Cow::Owned(target);
        }
        match leads(&answer, &uri) {
            None => Ok(answer),
            Some(_) => Err(network("redirects without end", false, None)),
        }
    }

    fn request(&self, uri: &Uri, sent: &Sent, at_home: bool) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(sent.body.clone()));
        *request.method_mut() = sent.method.clone();
        *request.uri_mut() = uri.clone();
        let headers = request.headers_mut();
        headers.reserve(4);
        headers.insert(ACCEPT, JSON);
        if !sent.body.is_empty() {
            headers.insert(CONTENT_TYPE, JSON);
        }
        headers.extend(sent.idempotency_key.clone().map(|key| (IDEMPOTENCY_KEY, key)));
        if at_home {
            self.identify(headers, sent);
        }
        request
    }

    /// Puts on what only the facilitator itself may see.
    fn identify(&self, headers: &mut HeaderMap, sent: &Sent) {
        headers.extend(self.api_key.clone().map(|key| (API_KEY, key)));
        if let Some(made) = &sent.made {
            let mut made = made.clone();
            made.values_mut().for_each(|value| value.set_sensitive(true));
            headers.extend(made);
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, FacilitatorError> {
        let answer = self.http.request(request).await.map_err(|error| match error.is_connect() {
            true => network("could not be reached", true, Some(error.into())),
            false => network("closed the connection", false, Some(error.into())),
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, self.config.max_answer).collect().await;
        let body = body.map_err(|error| network("broke off its answer, or gave too long a one", false, Some(error)))?;
        let location = head.headers.get(LOCATION).cloned();
        Ok(Answer { status: head.status, retry_after: retry_after(&head.headers), body: body.to_bytes(), location })
    }
}

fn leads(answer: &Answer, from: &Uri) -> Option<Uri> {
    matches!(answer.status.as_u16(), 307 | 308).then(|| next(from, answer.location.as_ref())).flatten()
}

/// Where a redirect leads: to a path of the same host, or to a host by the same scheme (or a safer one).
fn next(from: &Uri, location: Option<&HeaderValue>) -> Option<Uri> {
    let location = location?.to_str().ok()?;
    let target: Uri = match location.starts_with('/') && !location.starts_with("//") {
        true => format!("{}://{}{location}", from.scheme_str()?, from.authority()?).parse().ok()?,
        false => location.parse().ok()?,
    };
    let schemes = (from.scheme_str()?, target.scheme_str()?);
    let safe = matches!(schemes, ("http", "http" | "https") | ("https", "https"));
    let has_user = target.authority().is_some_and(|authority| authority.as_str().contains('@'));
    (safe && !has_user && target.host().is_some()).then_some(target)
}

fn network(
    what: &'static str,
    unsent: bool,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
) -> FacilitatorError {
    FacilitatorError::Network { what, unsent, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(from: &'static str, to: &'static str) -> Option<String> {
        next(&Uri::from_static(from), Some(&HeaderValue::from_static(to))).map(|uri| uri.to_string())
    }

    #[test]
    fn a_redirect_keeps_its_scheme_or_gains_tls() {
        let from = "https://a.example/verify";
        assert_eq!(followed(from, "https://www.a.example/verify").as_deref(), Some("https://www.a.example/verify"));
        assert_eq!(followed(from, "/v2/verify").as_deref(), Some("https://a.example/v2/verify"));
        assert_eq!(followed("http://a.example/", "https://a.example/").as_deref(), Some("https://a.example/"));
        for to in ["http://a.example/", "//evil.example/", "ftp://a.example/", "verify", "https://u:p@a.example/", ""] {
            assert_eq!(followed(from, to), None, "{to}");
        }
    }
}
