//! How often one caller may ask: fixed windows, counted in this process.
//!
//! Several processes each count for themselves: divide the limit by their number.

mod windows;

use std::{net::IpAddr, time::Duration};

use farebox_types::{ApiToken, Id, Timestamp};

pub(crate) use windows::Windows;

/// Requests in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many at most; at least 1.
    pub requests: u32,
    /// The window's length.
    pub window: Duration,
}

impl RateLimit {
    /// So many a minute.
    #[must_use]
    pub const fn per_minute(requests: u32) -> Self {
        Self { requests, window: Duration::from_secs(60) }
    }
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    /// A key's, wherever they come from.
    Key(Id<ApiToken>),
    /// An address's, without a key.
    Peer(IpAddr),
    /// An address's, with keys that are none.
    Guessing(IpAddr),
    /// Everybody's for whom there is no room any more.
    Crowd,
}

/// Where a caller stands after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) allowed: bool,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// When the window ends.
    pub(crate) reset: Timestamp,
    /// The same, from now.
    pub(crate) wait: Duration,
}
