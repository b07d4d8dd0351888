//! Grants what was paid for on a chain and whose buyer has not come back for it.

use std::time::{Duration, Instant};

use farebox_engine::settlement::PaymentKey;
use farebox_telemetry::server::ORDERS;

use crate::{Backend, credits::plans};

/// Whoever waits for his order is granted it by his own request; this is for the others.
const PAUSE: Duration = Duration::from_secs(5);

/// Where the round stands.
#[derive(Default)]
pub(super) struct Orders {
    after: Option<PaymentKey>,
    looked_at: Option<Instant>,
}

impl Orders {
    /// One batch, if it is time for one.
    #[tracing::instrument(name = ORDERS, skip_all)]
    pub(super) async fn step(&mut self, backend: &Backend) {
        let is_due = self.after.is_some() || self.looked_at.is_none_or(|at| at.elapsed() >= PAUSE);
        if !is_due {
            return;
        }
        self.looked_at = Some(Instant::now());
        self.after = plans::grant_owed(backend, self.after).await.unwrap_or_else(|fault| {
            tracing::warn!(error = %fault, "paid orders could not be read, to be tried again");
            None
        });
    }
}
