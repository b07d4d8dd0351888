//! `Retry-After`, in both its forms.

use std::time::{Duration, UNIX_EPOCH};

use farebox_types::Timestamp;
use http::{HeaderMap, header::RETRY_AFTER};

/// How long the server wants to be left alone from `now` on. Zero, negative, past and unreadable hints are none.
pub(crate) fn hint(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // More digits than fit mean longer than anybody waits.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let at = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
        let now = Duration::from_micros(u64::try_from(now.micros()).ok()?);
        at.checked_sub(now)?
    };
    (wait > Duration::ZERO).then_some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-10-21 07:27:50 UTC.
    const NOW: Timestamp = Timestamp::from_seconds(1_792_567_670);

    fn read(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        hint(&headers, NOW)
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(read("5"), Some(Duration::from_secs(5)));
        assert_eq!(read("Wed, 21 Oct 2026 07:28:00 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(read("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn what_says_nothing_useful_is_no_hint() {
        for text in ["0", "-5", "", "soon", "1.5", "Wed, 21 Oct 2026 07:27:50 GMT", "Wed, 21 Oct 2020 07:28:00 GMT"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(hint(&HeaderMap::new(), NOW), None);
    }
}
