//! The client, and how it is set up.

use std::{fmt, sync::Arc, time::Duration};

use farebox_api::API_VERSION;
use farebox_types::{Clock, Mode, Secret, SystemClock, Timestamp};

use crate::{
    endpoint::Endpoint,
    error::BadClient,
    retry::{Draws, Retry},
    watch::Watch,
};

const TEST: (&str, &str) = ("pl_test_", "https://api.test.paylera.dev");
const LIVE: (&str, &str) = ("pl_live_", "https://api.paylera.dev");

/// A client of the billing API. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) endpoint: Endpoint,
    pub(crate) retry: Retry,
    pub(crate) draws: Draws,
    pub(crate) timeout: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) watch: Watch,
    mode: Option<Mode>,
}

/// Collects what a [`Client`] needs.
#[must_use]
pub struct ClientBuilder {
    token: Option<Secret>,
    base_url: Option<String>,
    api_version: String,
    retry: Retry,
    draws: Draws,
    timeout: Duration,
    connect_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither the token nor anything made of it.
        f.debug_struct("Client").field("mode", &self.0.mode).finish_non_exhaustive()
    }
}

impl Client {
    /// A client with this API token, `pl_test_…` or `pl_live_…`.
    pub fn builder(token: Secret) -> ClientBuilder {
        ClientBuilder::new(Some(token))
    }

    /// A client without a token, for the API at `base_url`: it can begin the device flow that brings one.
    pub fn public(base_url: impl Into<String>) -> ClientBuilder {
        ClientBuilder::new(None).base_url(base_url)
    }

    /// The world that the token is for, by its prefix; `None` for tokens of another form.
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        self.0.mode
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

impl ClientBuilder {
    fn new(token: Option<Secret>) -> Self {
        Self {
            token,
            base_url: None,
            api_version: API_VERSION.to_owned(),
            retry: Retry::default(),
            draws: Draws::System,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(2),
            clock: Arc::new(SystemClock),
        }
    }

    /// The API's address; wins over the one that the token's prefix stands for.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Pins another version of the API than `2026-05-01`.
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = version.into();
        self
    }

    /// Another curve for every call of this client.
    pub const fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Where the jitter comes from.
    pub fn draws(mut self, draws: Draws) -> Self {
        self.draws = draws;
        self
    }

    /// For one attempt, connection and answer included; 10 s.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// For the TCP part of a new connection; 2 s.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// What dates in `Retry-After` are compared with.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// A client that is ready; nothing is sent yet. Metrics ask for the program's OpenTelemetry SDK here.
    ///
    /// # Errors
    /// [`BadClient`] for what cannot work.
    pub fn build(self) -> Result<Client, BadClient> {
        let begins = |prefix: &str| self.token.as_ref().is_some_and(|token| token.expose().starts_with(prefix));
        let (mode, by_prefix) = match () {
            () if begins(TEST.0) => (Some(Mode::Test), Some(TEST.1)),
            () if begins(LIVE.0) => (Some(Mode::Live), Some(LIVE.1)),
            () => (None, None),
        };
        let base_url = self.base_url.as_deref().or(by_prefix).ok_or(BadClient::NoBaseUrl)?;
        let endpoint = Endpoint::new(base_url, self.token.as_ref(), &self.api_version, self.connect_timeout)?;
        let (retry, draws, timeout, clock) = (self.retry, self.draws, self.timeout, self.clock);
        let watch = Watch::new(mode);
        Ok(Client(Arc::new(Inner { endpoint, retry, draws, timeout, clock, watch, mode })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(token: &str, url: Option<&str>) -> Result<Client, BadClient> {
        let builder = Client::builder(Secret::new(token.to_owned()));
        url.map(str::to_owned).into_iter().fold(builder, ClientBuilder::base_url).build()
    }

    fn uri(token: &str, url: Option<&str>) -> String {
        built(token, url).unwrap().0.endpoint.uri("/v1/plans").unwrap().to_string()
    }

    #[test]
    fn the_tokens_prefix_says_which_api_unless_an_address_does() {
        assert_eq!(uri("pl_test_x", None), "https://api.test.paylera.dev/v1/plans");
        assert_eq!(uri("pl_live_x", None), "https://api.paylera.dev/v1/plans");
        assert_eq!(uri("pl_live_x", Some("http://127.0.0.1:9/")), "http://127.0.0.1:9/v1/plans");
        assert_eq!(uri("other", Some("https://billing.example/api")), "https://billing.example/api/v1/plans");
        assert!(matches!(built("other", None), Err(BadClient::NoBaseUrl)));
        assert_eq!(built("pl_live_x", Some("http://a")).unwrap().mode(), Some(Mode::Live));
        assert_eq!(built("other", Some("http://a")).unwrap().mode(), None);
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_showing_the_token() {
        for url in ["", "127.0.0.1:9", "ftp://a", "http://", "http://u:p@a", "http://a?x=1", "http://a#f"] {
            assert!(matches!(built("pl_test_x", Some(url)), Err(BadClient::BaseUrl)), "{url}");
        }
        for token in ["", "pl_test_\n", "pl_test_\u{0}"] {
            let bad = built(token, Some("http://a")).unwrap_err();
            assert!(matches!(bad, BadClient::Token), "{token:?}");
        }
        let client = built("pl_test_secret", None).unwrap();
        assert_eq!(format!("{client:?}"), "Client { mode: Some(Test), .. }");
    }
}
