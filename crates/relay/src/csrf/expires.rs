//! A time as RFC 3339 writes it.

use farebox_types::Timestamp;

/// UTC, whole seconds: `2026-05-01T00:00:00Z`. Beyond the year 9999, which it cannot write, its last second.
pub(super) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.seconds()).unwrap_or(LAST).to_string()
}

const LAST: jiff::Timestamp = jiff::Timestamp::constant(253_402_207_200, 0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_seconds_have_known_dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (4_102_444_800, "2100-01-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_seconds(seconds)), text);
        }
    }
}
