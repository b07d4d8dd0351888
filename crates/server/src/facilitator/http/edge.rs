//! What every endpoint works with.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use farebox_types::Timestamp;
use tokio::sync::Mutex;

use super::metrics::Metrics;
use crate::{
    Backend,
    facilitator::{Facilitating, KeyPolicy, RateLimit, Readiness, discovery::Catalogue, limits::Windows},
};

/// How long a look at the database and the chains is believed: whoever asks `/ready` often asks them no more often.
const LOOKED_FOR: Duration = Duration::from_secs(2);
/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// Who may call, and how often.
#[derive(Debug, Clone, Copy, Default)]
pub struct FacilitatorOptions {
    /// Whether verifying and settling need an API key.
    pub keys: KeyPolicy,
    /// Requests of one key, or of one address without a key; no limit by default. It holds for this process alone.
    pub rate_limit: Option<RateLimit>,
    /// Whether the caller's address is the last one of `X-Forwarded-For`: only behind a proxy that writes it.
    pub behind_proxy: bool,
}

/// Everything behind the endpoints. Cheap to clone; clones share it.
#[derive(Clone)]
pub(in crate::facilitator) struct Edge {
    inner: Arc<Inner>,
}

struct Inner {
    facilitating: Facilitating,
    backend: Backend,
    options: FacilitatorOptions,
    limits: Option<Windows>,
    catalogue: Catalogue,
    metrics: Metrics,
    looked: Mutex<Option<(Instant, Vec<Readiness>)>>,
}

impl Edge {
    pub(super) fn new(facilitating: Facilitating, backend: Backend, options: FacilitatorOptions) -> Self {
        let networks = facilitating.supported().kinds.into_iter().filter(|kind| kind.version == 2);
        let inner = Inner {
            metrics: Metrics::new(networks.map(|kind| kind.network)),
            limits: options.rate_limit.map(Windows::new),
            catalogue: Catalogue::default(),
            looked: Mutex::new(None),
            facilitating,
            backend,
            options,
        };
        Self { inner: Arc::new(inner) }
    }

    pub(in crate::facilitator) fn facilitating(&self) -> &Facilitating {
        &self.inner.facilitating
    }

    pub(in crate::facilitator) fn backend(&self) -> &Backend {
        &self.inner.backend
    }

    pub(in crate::facilitator) fn catalogue(&self) -> &Catalogue {
        &self.inner.catalogue
    }

    pub(in crate::facilitator) fn options(&self) -> FacilitatorOptions {
        self.inner.options
    }

    pub(super) fn limits(&self) -> Option<&Windows> {
        self.inner.limits.as_ref()
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    pub(in crate::facilitator) fn now(&self) -> Timestamp {
        self.inner.backend.now()
    }

    /// How every part stands, looked at by one caller at a time; `None` if looking took too long.
    pub(super) async fn readiness(&self) -> Option<Vec<Readiness>> {
        let mut looked = self.inner.looked.lock().await;
        if let Some((at, parts)) = &*looked
            && at.elapsed() < LOOKED_FOR
        {
            return Some(parts.clone());
        }
        let parts = tokio::time::timeout(PATIENCE, self.facilitating().readiness()).await.ok()?;
        for part in &parts {
            if let Some(trouble) = &part.trouble {
                tracing::warn!(part = part.part, "not ready: {trouble}");
            }
        }
        *looked = Some((Instant::now(), parts.clone()));
        Some(parts)
    }
}
