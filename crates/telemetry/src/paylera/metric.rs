//! The protocol's metrics.

use super::{label, span};

/// What a metric counts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instrument {
    /// It only grows.
    Counter,
    /// A spread of values.
    Histogram,
}

/// One metric, as the protocol has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// On the wire.
    pub name: &'static str,
    /// How it counts.
    pub instrument: Instrument,
    /// In UCUM: `s`, `{request}`.
    pub unit: &'static str,
    /// Its meter.
    pub meter: &'static str,
    /// What it is told apart by; nothing else, so that their number stays small.
    pub labels: &'static [&'static str],
    /// What it says.
    pub about: &'static str,
}

impl Metric {
    const fn counter(
        meter: &'static str,
        name: &'static str,
        unit: &'static str,
        labels: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        Self { name, instrument: Instrument::Counter, unit, meter, labels, about }
    }

    const fn seconds(
        meter: &'static str,
        name: &'static str,
        labels: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        Self { name, instrument: Instrument::Histogram, unit: "s", meter, labels, about }
    }
}

const OF_REQUEST: &[&str] = &[label::ENDPOINT, label::STATUS_CODE, label::API_MODE];

/// Calls to the API; all attempts of one call are one.
pub const REQUESTS_TOTAL: Metric = Metric::counter(
    span::SDK,
    "paylera.requests.total",
    "{request}",
    OF_REQUEST,
    "Calls to the API. All attempts of one call are one.",
);
/// How long they took, waits between attempts included.
pub const REQUESTS_DURATION: Metric = Metric::seconds(
    span::SDK,
    "paylera.requests.duration",
    OF_REQUEST,
    "How long calls took, attempts and the waits between them together.",
);
/// Answers from the relay's own memory.
pub const CACHE_HITS: Metric = Metric::counter(
    span::RELAY_TRACER,
    "paylera.relay.cache_hits",
    "{hit}",
    &[label::FEATURE_CODE],
    "Checks that a relay answered from its own memory, which is off unless the merchant asks for it.",
);
/// Questions that it had to pass on.
pub const CACHE_MISSES: Metric = Metric::counter(
    span::RELAY_TRACER,
    "paylera.relay.cache_misses",
    "{miss}",
    &[label::FEATURE_CODE],
    "Checks that it could have answered so, and passed on with success.",
);
/// Deliveries that arrived.
pub const EVENTS_RECEIVED: Metric = Metric::counter(
    span::WEBHOOK,
    "paylera.webhook.events_received",
    "{event}",
    &[label::EVENT_TYPE, label::VERIFICATION_RESULT],
    "Deliveries that arrived, genuine or not.",
);
/// How long their handlers took.
pub const HANDLER_DURATION: Metric = Metric::seconds(
    span::WEBHOOK,
    "paylera.webhook.handler_duration",
    &[label::EVENT_TYPE],
    "How long handlers took, whether they succeeded or not.",
);

/// Every metric of the protocol.
pub const ALL: &[Metric] =
    &[REQUESTS_TOTAL, REQUESTS_DURATION, CACHE_HITS, CACHE_MISSES, EVENTS_RECEIVED, HANDLER_DURATION];

/// The bounds of both histograms' buckets, in seconds.
pub const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.3, 0.4, 0.8, 1.5, 3.0, 8.0];
