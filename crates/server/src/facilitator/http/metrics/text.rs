//! The Prometheus text format.

use std::{
    fmt::{self, Write},
    sync::{PoisonError, atomic::Ordering},
};

use super::{Metrics, Verb};

impl Metrics {
    /// Every count, for `/metrics`.
    pub(in crate::facilitator::http) fn text(&self) -> String {
        let mut text = String::with_capacity(4_096);
        // Writing to memory cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, to: &mut String) -> fmt::Result {
        head(to, "farebox_info", "gauge", "Which version runs.")?;
        writeln!(to, "farebox_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))?;
        head(to, "facilitator_active_requests", "gauge", "Requests that are running.")?;
        writeln!(to, "facilitator_active_requests {}", self.active.load(Ordering::Relaxed))?;
        self.write_counts(to)?;
        head(to, "facilitator_rate_limited_total", "counter", "Requests that came too often.")?;
        writeln!(to, "facilitator_rate_limited_total {}", self.limited.load(Ordering::Relaxed))?;
        head(to, "facilitator_api_key_auth_failed_total", "counter", "Requests whose API key was not good.")?;
        writeln!(to, "facilitator_api_key_auth_failed_total {}", self.refused_keys.load(Ordering::Relaxed))?;
        let name = "facilitator_request_duration_seconds";
        head(to, name, "histogram", "How long payments took to verify and to settle.")?;
        self.verify.write(to, name, "endpoint=\"/verify\"")?;
        self.settle.write(to, name, "endpoint=\"/settle\"")
    }

    fn write_counts(&self, to: &mut String) -> fmt::Result {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let name = "facilitator_requests_total";
        head(to, name, "counter", "Requests by endpoint and status.")?;
        for ((method, endpoint, status), count) in &counts.requests {
            writeln!(to, "{name}{{method=\"{method}\",endpoint=\"{endpoint}\",status=\"{status}\"}} {count}")?;
        }
        for (verb, name, help) in [
            (Verb::Verify, "facilitator_verify_total", "Payments verified, by result."),
            (Verb::Settle, "facilitator_settle_total", "Answers to settle, by the settlement's state."),
        ] {
            head(to, name, "counter", help)?;
            for (paid, count) in counts.payments.iter().filter(|(paid, _)| paid.verb == verb) {
                let (network, scheme, end) = (&paid.network, paid.scheme, paid.end.as_str());
                writeln!(to, "{name}{{network=\"{network}\",scheme=\"{scheme}\",result=\"{end}\"}} {count}")?;
            }
        }
        Ok(())
    }
}

fn head(to: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(to, "# HELP {name} {help}\n# TYPE {name} {kind}")
}
