//! One call: its headers, its redirects, its time.

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri,
    header::{ACCEPT, CONTENT_TYPE, LOCATION},
};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::timeout;

use super::{
    super::endpoint::{BadConfig, Pool, http_client, plain_address, retry_after},
    Call, FacilitatorConfig, FacilitatorError,
};
use crate::Family;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const REDIRECTS: usize = 3;

/// The way to one facilitator.
pub(super) struct Line {
    http: Pool,
    base: String,
    api_key: Option<HeaderValue>,
    config: FacilitatorConfig,
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
        let base = plain_address(&config.url)?.to_owned();
        let api_key = config.api_key.as_ref().map(|key| {
            let value = HeaderValue::try_from(key.expose()).ok().filter(|value| !value.is_empty());
            value.ok_or(BadConfig::Key).map(|mut value| {
                value.set_sensitive(true);
                value
            })
        });
        Ok(Self { http: http_client(config.connect_timeout)?, base, api_key: api_key.transpose()?, config })
    }

    pub(super) fn url(&self) -> &str {
        &self.base
    }

    pub(super) const fn flavour(&self) -> Family {
        self.config.flavour
    }

    pub(super) async fn send(
        &self,
        method: Method,
        call: Call,
        path: &str,
        body: Bytes,
        own: HeaderMap,
    ) -> Result<Answer, FacilitatorError> {
        let uri: Uri =
            format!("{}{path}", self.base).parse().map_err(|_| network("has no such address", true, None))?;
        let secrets = self.secrets(call).await?;
        let exchange = self.follow(method, uri, body, own, secrets);
        timeout(self.config.timeout, exchange)
            .await
            .unwrap_or_else(|_| Err(network("did not answer in time", false, None)))
    }

    /// What only the facilitator itself may see.
    async fn secrets(&self, call: Call) -> Result<HeaderMap, FacilitatorError> {
        let made = match &self.config.headers {
            // Outside the call's own time: a provider has its own.
            Some(make) => make().await.map_err(FacilitatorError::Headers)?.of(call),
            None => HeaderMap::new(),
        };
        let mut headers = HeaderMap::new();
        headers.extend(self.api_key.clone().map(|key| (API_KEY, key)));
        headers.extend(made);
        headers.values_mut().for_each(|value| value.set_sensitive(true));
        Ok(headers)
    }

    async fn follow(
        &self,
        method: Method,
        start: Uri,
        body: Bytes,
        own: HeaderMap,
        secrets: HeaderMap,
    ) -> Result<Answer, FacilitatorError> {
        let mut uri = start.clone();
        for redirected in 0..=REDIRECTS {
            let mut headers = own.clone();
            if uri.authority() == start.authority() && uri.scheme() == start.scheme() {
                headers.extend(secrets.clone());
            }
            let answer =
                self.exchange(request(&method, &uri, headers, body.clone())).await.map_err(|error| match error {
                    // Whoever redirected has seen the call.
                    FacilitatorError::Network { what, source, .. } if redirected > 0 => network(what, false, source),
                    error => error,
                })?;
            let followed = matches!(answer.status.as_u16(), 307 | 308).then(|| next(&uri, answer.location.as_ref()));
            match followed.flatten() {
                Some(target) => uri = target,
                None => return Ok(answer),
            }
        }
        Err(network("redirects without end", false, None))
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

fn request(method: &Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
    let has_body = !body.is_empty();
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri.clone();
    *request.headers_mut() = headers;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    if has_body {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    request
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

    fn leads(from: &'static str, to: &'static str) -> Option<String> {
        next(&Uri::from_static(from), Some(&HeaderValue::from_static(to))).map(|uri| uri.to_string())
    }

    #[test]
    fn a_redirect_keeps_its_scheme_or_gains_tls() {
        let from = "https://a.example/verify";
        assert_eq!(leads(from, "https://www.a.example/verify").as_deref(), Some("https://www.a.example/verify"));
        assert_eq!(leads(from, "/v2/verify").as_deref(), Some("https://a.example/v2/verify"));
        assert_eq!(leads("http://a.example/", "https://a.example/").as_deref(), Some("https://a.example/"));
        for to in ["http://a.example/", "//evil.example/", "ftp://a.example/", "verify", "https://u:p@a.example/", ""] {
            assert_eq!(leads(from, to), None, "{to}");
        }
    }
}
