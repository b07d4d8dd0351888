//! The retry contract: which failures are tried again, how often, and when.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::StatusCode;

/// The curve: the wait before retry n is drawn evenly from 0 to min(base · 2ⁿ, cap).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all, the first included; 5.
    pub attempts: u32,
    /// 200 ms.
    pub base: Duration,
    /// The longest wait, whatever the server asks for; 8 s.
    pub cap: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 5, base: Duration::from_millis(200), cap: Duration::from_secs(8) }
    }
}

impl Retry {
    /// One attempt, and that is all.
    #[must_use]
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// The longest wait before retry `n` (1, 2, …): 400, 800, 1600, 3200 ms.
    #[must_use]
    pub fn longest(&self, n: u32) -> Duration {
        let factor = 1_u32.checked_shl(n).filter(|factor| *factor > 0).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }

    /// The wait before retry `n`: at least what the server asked for, at most the cap.
    #[must_use]
    pub fn wait(&self, n: u32, hint: Option<Duration>, draws: &Draws) -> Duration {
        let drawn = draws.up_to(self.longest(n));
        hint.map_or(drawn, |hint| hint.max(drawn)).min(self.cap)
    }
}

/// Whether an answer may be another one next time.
pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// Where the jitter comes from.
#[derive(Debug)]
pub enum Draws {
    /// The system's random numbers.
    System,
    /// The same row of numbers for the same seed, for tests.
    Seeded(AtomicU64),
}

impl Draws {
    /// A row of numbers that can be had again.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self::Seeded(AtomicU64::new(seed))
    }

    /// Evenly from 0 to `longest`, both included.
    fn up_to(&self, longest: Duration) -> Duration {
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        // Multiplying instead of dividing: no value is likelier than another by more than 1 in 2^30.
        let drawn = (u128::from(self.next()) * (u128::from(nanos) + 1)) >> 64;
        Duration::from_nanos(u64::try_from(drawn).unwrap_or(nanos))
    }

    fn next(&self) -> u64 {
        match self {
            Self::System => {
                let mut bytes = [0; 8];
                // Without random numbers the longest wait is the careful one.
                getrandom::fill(&mut bytes).map_or(u64::MAX, |()| u64::from_ne_bytes(bytes))
            }
            Self::Seeded(state) => splitmix(state.fetch_add(GOLDEN, Ordering::Relaxed).wrapping_add(GOLDEN)),
        }
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output step of SplitMix64.
const fn splitmix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_doubles_up_to_its_cap() {
        let retry = Retry::default();
        let longest: Vec<u128> = (1..=8).map(|n| retry.longest(n).as_millis()).collect();
        assert_eq!(longest, [400, 800, 1600, 3200, 6400, 8000, 8000, 8000]);
        assert_eq!(retry.longest(31), retry.cap);
        assert_eq!(retry.longest(u32::MAX), retry.cap);
    }

    #[test]
    fn the_worst_case_of_the_whole_budget_is_six_seconds() {
        let retry = Retry::default();
        let whole: Duration = (1..retry.attempts).map(|n| retry.longest(n)).sum();
        assert_eq!(whole, Duration::from_secs(6));
    }

    #[test]
    fn a_hint_is_a_floor_and_the_cap_is_a_ceiling() {
        let (retry, draws) = (Retry::default(), Draws::seeded(1));
        for _ in 0..1000 {
            assert_eq!(retry.wait(1, Some(Duration::from_secs(5)), &draws), Duration::from_secs(5));
            assert_eq!(retry.wait(1, Some(Duration::MAX), &draws), Duration::from_secs(8));
            let above = retry.wait(4, Some(Duration::from_millis(1)), &draws);
            assert!(above >= Duration::from_millis(1) && above <= Duration::from_millis(3200));
        }
    }

    /// Chi-square over 20 equal boxes; with 19 degrees of freedom a fair source exceeds 43.8 once in a thousand times.
    fn chi_square(draws: &Draws, n: u32) -> u64 {
        const COUNT: u64 = 10_000;
        const BOXES: u128 = 20;
        let retry = Retry::default();
        let longest = retry.longest(n).as_nanos();
        let mut boxes = [0_u64; 20];
        for _ in 0..COUNT {
            let wait = retry.wait(n, None, draws).as_nanos();
            assert!(wait <= longest);
            let at = (wait * BOXES / (longest + 1)).min(BOXES - 1);
            boxes[usize::try_from(at).unwrap()] += 1;
        }
        let expected = COUNT / 20;
        boxes.iter().map(|count| count.abs_diff(expected).pow(2)).sum::<u64>() / expected
    }

    #[test]
    fn ten_thousand_draws_are_spread_evenly() {
        for n in 1..=4 {
            let spread = chi_square(&Draws::seeded(u64::from(n)), n);
            assert!(spread <= 43, "retry {n}: {spread}");
        }
        // Three tries: a fair source fails all of them once in a thousand million times.
        let spreads = [(); 3].map(|()| chi_square(&Draws::System, 4));
        assert!(spreads.iter().any(|spread| *spread <= 43), "{spreads:?}");
    }

    #[test]
    fn a_seed_gives_the_same_row_again() {
        let row = |seed| {
            let draws = Draws::seeded(seed);
            (1..=4).map(|n| Retry::default().wait(n, None, &draws)).collect::<Vec<_>>()
        };
        assert_eq!(row(7), row(7));
        assert_ne!(row(7), row(8));
    }
}
