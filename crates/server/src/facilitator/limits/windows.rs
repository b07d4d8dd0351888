//! The windows that are open.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use farebox_types::Timestamp;

use super::{Caller, RateLimit, Standing};

/// Callers with a window of their own; the rest share one. Some megabytes.
const MOST: usize = 50_000;

/// Counts the requests of each caller.
#[derive(Debug)]
pub(crate) struct Windows {
    limit: RateLimit,
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    windows: HashMap<Caller, Window>,
    /// Before this, no window has ended: there is nothing to clear away.
    clear_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    ends: Timestamp,
    used: u32,
}

impl Windows {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self { limit, most: MOST, open: Mutex::default() }
    }

    /// Counts a request.
    pub(crate) fn take(&self, caller: Caller, now: Timestamp) -> Standing {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let caller = self.place(&mut open, whole_network(caller), now);
        let fresh = Window { ends: now.after(self.limit.window), used: 0 };
        let window = open.windows.entry(caller).or_insert(fresh);
        if window.ends <= now {
            *window = fresh;
        }
        let allowed = window.used < self.limit.requests;
        window.used += u32::from(allowed);
        Standing {
            allowed,
            limit: self.limit.requests,
            remaining: self.limit.requests.saturating_sub(window.used),
            reset: window.ends,
            wait: rounded_up(window.ends.since(now)),
        }
    }

    /// How long the caller has to wait, if it has used its window up.
    pub(crate) fn exhausted(&self, caller: &Caller, now: Timestamp) -> Option<Duration> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let window = open.windows.get(&whole_network(*caller))?;
        let over = window.used >= self.limit.requests && now < window.ends;
        over.then(|| rounded_up(window.ends.since(now)))
    }

    /// The caller, or everybody else when there is no room for another one.
    fn place(&self, open: &mut Open, caller: Caller, now: Timestamp) -> Caller {
        if open.windows.len() < self.most || open.windows.contains_key(&caller) {
            return caller;
        }
        // At most once per window: clearing looks at every one of them.
        if open.clear_at.is_none_or(|at| at <= now) {
            open.windows.retain(|_, window| now < window.ends);
            open.clear_at = Some(now.after(self.limit.window));
        }
        if open.windows.len() < self.most { caller } else { Caller::Crowd }
    }
}

/// One subscriber has all the addresses of an IPv6 /64.
fn whole_network(caller: Caller) -> Caller {
    let network = |address: IpAddr| match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    };
    match caller {
        Caller::Peer(address) => Caller::Peer(network(address)),
        Caller::Guessing(address) => Caller::Guessing(network(address)),
        other => other,
    }
}

/// In whole seconds, so that who waits that long is let in.
fn rounded_up(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_000);

    fn peer(text: &str) -> Caller {
        Caller::Peer(text.parse().unwrap())
    }

    #[test]
    fn a_window_lets_so_many_through_and_then_tells_when_to_come_back() {
        let windows = Windows::new(RateLimit::per_minute(2));
        let first = windows.take(peer("10.0.0.1"), START);
        assert_eq!((first.allowed, first.remaining, first.reset), (true, 1, Timestamp::from_seconds(1_060)));
        let later = START.after(Duration::from_millis(30_500));
        assert!(windows.take(peer("10.0.0.1"), later).allowed);
        let third = windows.take(peer("10.0.0.1"), later);
        assert_eq!((third.allowed, third.remaining, third.wait), (false, 0, Duration::from_secs(30)));
        assert_eq!(windows.exhausted(&peer("10.0.0.1"), later), Some(Duration::from_secs(30)));
        assert!(windows.take(peer("10.0.0.2"), later).allowed, "others are not affected");
        let over = Timestamp::from_seconds(1_060);
        assert_eq!(windows.exhausted(&peer("10.0.0.1"), over), None);
        assert!(windows.take(peer("10.0.0.1"), over).allowed);
    }

    #[test]
    fn neighbours_in_an_ipv6_network_count_together_and_mapped_addresses_as_what_they_are() {
        let windows = Windows::new(RateLimit::per_minute(1));
        assert!(windows.take(peer("2001:db8::1"), START).allowed);
        assert!(!windows.take(peer("2001:db8::ffff:2"), START).allowed);
        assert!(windows.take(peer("2001:db8:0:1::1"), START).allowed);
        assert!(windows.take(peer("::ffff:10.0.0.1"), START).allowed);
        assert!(!windows.take(peer("10.0.0.1"), START).allowed);
    }

    #[test]
    fn memory_is_bounded_and_the_crowd_shares_one_window() {
        let windows = Windows { most: 2, ..Windows::new(RateLimit::per_minute(1)) };
        for address in ["10.0.0.1", "10.0.0.2", "10.0.0.3"] {
            assert!(windows.take(peer(address), START).allowed, "{address}");
        }
        assert!(!windows.take(peer("10.0.0.4"), START).allowed);
        assert!(windows.open.lock().unwrap().windows.len() <= 3);
        let next = START.after(Duration::from_secs(61));
        for address in ["10.0.0.5", "10.0.0.6"] {
            assert!(windows.take(peer(address), next).allowed, "{address}");
        }
        assert!(windows.open.lock().unwrap().windows.len() <= 3);
    }
}
