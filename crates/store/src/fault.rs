//! What can break.

use std::time::Duration;

/// Whether another try can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// No.
    Never,
    /// Yes: nothing was written.
    After(Duration),
    /// The write may have been committed: send it again with the same id.
    Unknown,
}

/// Something broke in or on the way to the database. Its texts are for logs and operators, never for callers.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    /// What broke.
    pub what: String,
    /// Whether another try can help.
    pub retry: Retry,
}

impl Fault {
    /// Another try cannot help.
    pub(crate) fn never(what: impl Into<String>) -> Self {
        Self { what: what.into(), retry: Retry::Never }
    }

    /// Too much is queued; nothing was written.
    pub(crate) fn busy() -> Self {
        Self { what: "the write queue is full".into(), retry: Retry::After(Duration::from_secs(1)) }
    }

    /// The writer has stopped; nothing of this command was written.
    pub(crate) fn closed() -> Self {
        Self { what: "the store is shutting down".into(), retry: Retry::After(Duration::from_secs(1)) }
    }

    /// A row that this version did not write, or that was changed by hand.
    pub(crate) fn corrupt(table: &str, detail: impl std::fmt::Display) -> Self {
        Self::never(format!("a row of {table} cannot be read: {detail}"))
    }
}
