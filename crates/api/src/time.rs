//! Times as RFC 3339 in UTC.

use std::{fmt, str::FromStr};

use farebox_types::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A point in time: `2026-05-01T00:00:00Z`, to the microsecond; any offset is read, `Z` is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Time(Timestamp);

impl Time {
    /// The same time as rules and storage have it.
    #[must_use]
    pub const fn timestamp(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only times beyond year 9999 have no such text; they are shown as the last there is.
        let time = jiff::Timestamp::from_microsecond(self.0.micros()).unwrap_or(jiff::Timestamp::MAX);
        fmt::Display::fmt(&time, f)
    }
}

/// A text that is not a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time: write RFC 3339, for example 2026-05-01T00:00:00Z")]
pub struct BadTime;

impl FromStr for Time {
    type Err = BadTime;

    fn from_str(text: &str) -> Result<Self, BadTime> {
        // RFC 3339, not all of what the library reads.
        let bytes = text.as_bytes();
        let form =
            bytes.len() >= 20 && bytes.get(4) == Some(&b'-') && matches!(bytes.get(10), Some(b'T' | b't' | b' '));
        let good = form && bytes.len() <= 40 && bytes.first().is_some_and(u8::is_ascii_digit);
        if !good || text.contains('[') {
            return Err(BadTime);
        }
        let time: jiff::Timestamp = text.parse().map_err(|_| BadTime)?;
        Ok(Self(Timestamp::from_micros(time.as_microsecond())))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_and_read_from_any_offset() {
        let time: Time = "2026-05-01T02:00:00+02:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-05-01T00:00:00Z");
        assert_eq!("2026-05-01T00:00:00.25Z".parse::<Time>().unwrap().to_string(), "2026-05-01T00:00:00.25Z");
        assert_eq!(time.timestamp().seconds(), 1_777_593_600);
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in ["", "2026-05-01", "2026-05-01T00:00:00", "yesterday", "2026-13-01T00:00:00Z", "1777593600"] {
            assert_eq!(text.parse::<Time>(), Err(BadTime), "{text}");
        }
    }
}
