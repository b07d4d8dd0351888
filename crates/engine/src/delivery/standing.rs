//! When an endpoint is given up.

use std::time::Duration;

use farebox_types::Timestamp;

const FAILURES: u32 = 10;
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// How an endpoint has done of late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Attempts that failed since the last one that did not.
    pub failures: u32,
    /// When the first of them did.
    pub failing_since: Option<Timestamp>,
}

impl Standing {
    /// Whether it is given up `now`: ten failures in a row, and a day of them. Many events in a short outage are not enough,
    /// nor is one event in a long one.
    #[must_use]
    pub fn is_hopeless(&self, now: Timestamp) -> bool {
        self.failures >= FAILURES && self.failing_since.is_some_and(|since| now.since(since) >= LONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_ten_failures_and_a_day() {
        let start = Timestamp::from_seconds(1_000);
        let standing = |failures| Standing { failures, failing_since: Some(start) };
        let day = start.after(LONG);
        assert!(standing(10).is_hopeless(day));
        assert!(!standing(9).is_hopeless(day));
        assert!(!standing(1_000).is_hopeless(Timestamp::from_micros(day.micros() - 1)));
        assert!(!Standing::default().is_hopeless(day));
    }
}
