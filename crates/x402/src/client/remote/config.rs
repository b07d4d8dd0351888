//! Where a facilitator is, and how it is spoken to.

use std::{error::Error, fmt, pin::Pin, sync::Arc, time::Duration};

use farebox_types::Secret;
use http::HeaderMap;

use super::Call;
use crate::Family;

/// Where a facilitator is, and how it is spoken to.
#[derive(Clone)]
pub struct FacilitatorConfig {
    pub(super) url: String,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) max_answer: usize,
    pub(super) api_key: Option<Secret>,
    pub(super) flavour: Family,
    pub(super) headers: Option<Headers>,
}

/// Headers for each call, such as a signed token that names its path.
#[derive(Clone, Default)]
pub struct CallHeaders {
    /// For `POST /verify`.
    pub verify: HeaderMap,
    /// For `POST /settle`.
    pub settle: HeaderMap,
    /// For `GET /supported`.
    pub supported: HeaderMap,
    /// For `GET /discovery/…`.
    pub discovery: HeaderMap,
}

impl CallHeaders {
    pub(super) fn of(self, call: Call) -> HeaderMap {
        match call {
            Call::Verify => self.verify,
            Call::Settle => self.settle,
            Call::Supported => self.supported,
            Call::Discovery => self.discovery,
        }
    }
}

type BoxError = Box<dyn Error + Send + Sync>;
type Asked = Pin<Box<dyn Future<Output = Result<CallHeaders, BoxError>> + Send>>;
pub(super) type Headers = Arc<dyn Fn() -> Asked + Send + Sync>;

impl FacilitatorConfig {
    /// The facilitator at `url` (`http` or `https`), in the x402 flavour, 30 s for a call.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(3),
            max_answer: 1024 * 1024,
            api_key: None,
            flavour: Family::X402,
            headers: None,
        }
    }

    /// For one call, redirects and answer included.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// For the TCP part of a new connection, within the timeout; 3 s unless said.
    #[must_use]
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The longest answer that is read, in bytes; 1 MiB unless said.
    #[must_use]
    pub const fn max_answer(mut self, bytes: usize) -> Self {
        self.max_answer = bytes;
        self
    }

    /// Sent as `X-API-Key` with every call, to this host only.
    #[must_use]
    pub fn api_key(self, key: Secret) -> Self {
        Self { api_key: Some(key), ..self }
    }

    /// Which family's version members are written; both are read.
    #[must_use]
    pub const fn flavour(mut self, flavour: Family) -> Self {
        self.flavour = flavour;
        self
    }

    /// Headers made anew for every call, sent to this host only. An error ends the call before it is sent.
    #[must_use]
    pub fn headers<F, Fut>(self, make: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<CallHeaders, BoxError>> + Send + 'static,
    {
        Self { headers: Some(Arc::new(move || Box::pin(make()))), ..self }
    }
}

impl fmt::Debug for FacilitatorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FacilitatorConfig")
            .field("url", &self.url)
            .field("timeout", &self.timeout)
            .field("flavour", &self.flavour)
            .finish_non_exhaustive()
    }
}
