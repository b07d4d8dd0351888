//! What broke while a payment was verified or settled.

use std::time::Duration;

use farebox_store::{Fault as StoreFault, Retry as StoreRetry};

/// Something broke; its text is for the log, never for a caller.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct Trouble {
    /// What broke.
    pub what: String,
    /// When another try may help; `None` if none can.
    pub retry_after: Option<Duration>,
}

impl Trouble {
    pub(super) fn soon(what: impl Into<String>) -> Self {
        Self { what: what.into(), retry_after: Some(Duration::from_secs(1)) }
    }
}

impl From<StoreFault> for Trouble {
    fn from(fault: StoreFault) -> Self {
        let retry_after = match fault.retry {
            StoreRetry::Never => None,
            StoreRetry::After(wait) => Some(wait),
            StoreRetry::Unknown => Some(Duration::from_secs(1)),
        };
        Self { what: fault.what, retry_after }
    }
}
