//! PostgreSQL: many processes, a few lanes each.

use std::sync::Arc;

use farebox_types::{Clock, Secret};

use crate::Fault;

/// A ledger in PostgreSQL.
pub struct PostgresStore;

impl PostgresStore {
    /// placeholder
    pub async fn open(_url: &Secret, _clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        Err(Fault::never("not yet"))
    }
}
