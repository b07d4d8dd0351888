//! Ends holds whose time is over.
//!
//! Whatever touches an account ends its due holds anyway; sweeping makes their credits show in balances soon.

use std::time::{Duration, Instant};

use farebox_store::{Fault, billing::TestClock};
use farebox_telemetry::server::SWEEP;
use farebox_types::{Id, Merchant, Mode};

use crate::Backend;

/// Accounts of one merchant in one step.
const LIMIT: u32 = 256;
const MERCHANTS_FOR: Duration = Duration::from_secs(15);

/// The merchants to sweep, and when they were read.
#[derive(Default)]
pub(super) struct Sweep {
    merchants: Vec<Id<Merchant>>,
    read_at: Option<Instant>,
}

impl Sweep {
    #[tracing::instrument(name = SWEEP, skip_all)]
    pub(super) async fn step(&mut self, backend: &Backend) {
        if let Err(fault) = self.sweep(backend).await {
            tracing::warn!(error = %fault, "sweeping failed, to be tried again");
        }
    }

    async fn sweep(&mut self, backend: &Backend) -> Result<(), Fault> {
        if self.read_at.is_none_or(|at| at.elapsed() >= MERCHANTS_FOR) {
            self.merchants = on_machine_time(backend).await?;
            self.read_at = Some(Instant::now());
        }
        for merchant in &self.merchants {
            // What is wrong with one merchant's rows must not keep the others waiting.
            match backend.store().sweep(*merchant, LIMIT).await {
                Ok(0) => {}
                Ok(touched) => tracing::debug!(%merchant, touched, "ended due holds"),
                Err(fault) => tracing::warn!(%merchant, error = %fault, "sweeping failed, to be tried again"),
            }
        }
        Ok(())
    }
}

/// The merchants whose time is the machine's. The holds of one with a test clock end by that clock, when they are touched.
async fn on_machine_time(backend: &Backend) -> Result<Vec<Id<Merchant>>, Fault> {
    let mut merchants = Vec::new();
    for merchant in backend.store().merchants().await? {
        let may_have = merchant.mode == Mode::Test;
        if !may_have || backend.billing().named::<TestClock>(merchant.id, "one").await?.is_none() {
            merchants.push(merchant.id);
        }
    }
    Ok(merchants)
}
