//! Does what is due in billing: trials and periods end, changes that were scheduled begin, checkouts expire.
//!
//! Rows are leased, and each step has a name of its own: any number of processes may do this, and each step happens once.

use std::time::Duration;

use farebox_store::billing::BillingError;
use farebox_telemetry::server::DUE;

use crate::Backend;

/// Rows in one go.
const BATCH: u32 = 50;
/// What a process that dies in the middle of a row leaves alone for so long.
const LEASE: Duration = Duration::from_secs(30);

/// Does one batch; true if there may be more.
#[tracing::instrument(name = DUE, skip_all)]
pub(super) async fn step(backend: &Backend) -> bool {
    match backend.billing().run_due(BATCH, LEASE).await {
        Ok(done) => done == usize::try_from(BATCH).unwrap_or(usize::MAX),
        Err(BillingError::Fault(fault)) => {
            tracing::warn!(error = %fault, "what is due could not be read, to be tried again");
            false
        }
        Err(error) => {
            tracing::warn!(%error, "what is due could not be done, to be tried again");
            false
        }
    }
}
