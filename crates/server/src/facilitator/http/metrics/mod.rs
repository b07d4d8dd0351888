//! What is counted, under the names that the peers' dashboards know. Counts begin anew with the process.
//!
//! Labels come from closed sets, so that no caller can make more of them.

mod histogram;
mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::http::{Method, StatusCode};
use farebox_x402::{EXACT, UPTO, facilitation::Request};

use self::histogram::Histogram;

/// The facilitator's counts.
pub(super) struct Metrics {
    /// Networks that have a label of their own.
    networks: BTreeSet<String>,
    counts: Mutex<Counts>,
    active: AtomicI64,
    limited: AtomicU64,
    refused_keys: AtomicU64,
    verify: Histogram,
    settle: Histogram,
}

#[derive(Default)]
struct Counts {
    requests: BTreeMap<(&'static str, String, u16), u64>,
    payments: BTreeMap<Paid, u64>,
}

/// One kind of end of a payment's verifying or settling.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Paid {
    verb: Verb,
    network: String,
    scheme: &'static str,
    end: End,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    Verify,
    Settle,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// Valid, or settled.
    Success,
    /// Not valid, or not settled for good.
    Failure,
    /// On its way.
    Pending,
    /// Something broke.
    Error,
}

impl End {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Pending => "pending",
            Self::Error => "error",
        }
    }
}

impl Metrics {
    pub(super) fn new(networks: impl Iterator<Item = String>) -> Self {
        Self {
            networks: networks.collect(),
            counts: Mutex::default(),
            active: AtomicI64::new(0),
            limited: AtomicU64::new(0),
            refused_keys: AtomicU64::new(0),
            verify: Histogram::default(),
            settle: Histogram::default(),
        }
    }

    /// A request has begun; it is running until the value is dropped.
    pub(super) fn begin(&self) -> Active<'_> {
        self.active.fetch_add(1, Ordering::Relaxed);
        Active(self)
    }

    /// A request was turned away for coming too often.
    pub(super) fn limited(&self) {
        self.limited.fetch_add(1, Ordering::Relaxed);
    }

    /// A request's API key was not good.
    pub(super) fn refused_key(&self) {
        self.refused_keys.fetch_add(1, Ordering::Relaxed);
    }

    /// A payment was verified or settled, or was not.
    pub(super) fn ended(&self, verb: Verb, request: &Request, end: End, after: Duration) {
        let histogram = match verb {
            Verb::Verify => &self.verify,
            Verb::Settle => &self.settle,
        };
        histogram.record(after);
        let scheme = match &*request.requirements.scheme {
            EXACT => EXACT,
            UPTO => UPTO,
            _ => "other",
        };
        let network = self.networks.get(&request.requirements.network).map_or("other", String::as_str).to_owned();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.payments.entry(Paid { verb, network, scheme, end }).or_default() += 1;
    }
}

/// A request that is running.
pub(super) struct Active<'a>(&'a Metrics);

impl Active<'_> {
    pub(super) fn answered(self, method: &Method, endpoint: &str, status: StatusCode) {
        let mut counts = self.0.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.requests.entry((known(method), endpoint.to_owned(), status.as_u16())).or_default() += 1;
    }
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A method may be any word.
fn known(method: &Method) -> &'static str {
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]
        .into_iter()
        .find(|known| method.as_str() == *known)
        .unwrap_or("OTHER")
}
