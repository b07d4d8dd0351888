//! How long things took.

use std::{
    fmt::{self, Write},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Upper bounds in microseconds, and as seconds.
const BOUNDS: [(u64, &str); 12] = [
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
];

/// Durations by size.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    within: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
}

impl Histogram {
    pub(super) fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        for ((bound, _), within) in BOUNDS.iter().zip(&self.within) {
            if micros <= *bound {
                within.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Writes its samples under `name`; `label` is written as it is.
    pub(super) fn write(&self, to: &mut String, name: &str, label: &str) -> fmt::Result {
        for ((_, bound), within) in BOUNDS.iter().zip(&self.within) {
            writeln!(to, "{name}_bucket{{{label},le=\"{bound}\"}} {}", within.load(Ordering::Relaxed))?;
        }
        let (count, micros) = (self.count.load(Ordering::Relaxed), self.micros.load(Ordering::Relaxed));
        writeln!(to, "{name}_bucket{{{label},le=\"+Inf\"}} {count}")?;
        writeln!(to, "{name}_sum{{{label}}} {}.{:06}", micros / 1_000_000, micros % 1_000_000)?;
        writeln!(to, "{name}_count{{{label}}} {count}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_sums_are_seconds() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_micros(1_500));
        histogram.record(Duration::from_secs(7));
        let mut text = String::new();
        histogram.write(&mut text, "x_seconds", "endpoint=\"/verify\"").unwrap();
        for line in [
            "x_seconds_bucket{endpoint=\"/verify\",le=\"0.001\"} 0",
            "x_seconds_bucket{endpoint=\"/verify\",le=\"0.0025\"} 1",
            "x_seconds_bucket{endpoint=\"/verify\",le=\"5\"} 1",
            "x_seconds_bucket{endpoint=\"/verify\",le=\"+Inf\"} 2",
            "x_seconds_sum{endpoint=\"/verify\"} 7.001500",
            "x_seconds_count{endpoint=\"/verify\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
