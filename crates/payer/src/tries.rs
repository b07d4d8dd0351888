//! How often a request is sent again with the token it has, and how long to wait in between.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

/// How persistent the payer is while it does not know what became of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// Times a request is sent with its token, the first included; 3.
    pub most: u32,
    /// Upper end of the first wait, doubled by each further one up to 8 s; 200 ms. Waits are random below that.
    pub first_wait: Duration,
    /// A seller that asks for more patience (`Retry-After`) ends the tries; 30 s.
    pub longest_wait: Duration,
}

impl Default for Tries {
    fn default() -> Self {
        Self { most: 3, first_wait: Duration::from_millis(200), longest_wait: Duration::from_secs(30) }
    }
}

const CEILING: Duration = Duration::from_secs(8);

impl Tries {
    /// The wait after try number `done` (from 1); `None` when it should be the last.
    pub(crate) fn wait(&self, done: u32, retry_after: Option<Duration>) -> Option<Duration> {
        let asked = retry_after.unwrap_or_default();
        if done >= self.most || asked > self.longest_wait {
            return None;
        }
        let doubled = self.first_wait.saturating_mul(1_u32.checked_shl(done - 1).unwrap_or(u32::MAX));
        Some(below(doubled.min(CEILING)).max(asked))
    }
}

/// A random share of `most`. Payers that lost the same seller must not come back together; nothing depends on how
/// random it is, so the seeds of the standard library's hash maps are good enough.
fn below(most: Duration) -> Duration {
    let share = u32::try_from(RandomState::new().hash_one(()) % 1_000).unwrap_or_default();
    most.saturating_mul(share) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_below_their_bound_and_above_what_the_seller_asked() {
        let tries = Tries { most: 40, ..Tries::default() };
        for done in 1..40 {
            let bound = Duration::from_millis(200).saturating_mul(1 << (done - 1).min(20)).min(CEILING);
            assert!(tries.wait(done, None).unwrap() <= bound, "{done}");
            assert!(tries.wait(done, Some(Duration::from_secs(9))).unwrap() >= Duration::from_secs(9));
        }
    }

    #[test]
    fn the_tries_end_by_number_or_by_patience() {
        let tries = Tries::default();
        assert!(tries.wait(2, Some(Duration::from_secs(30))).is_some());
        assert_eq!(tries.wait(3, None), None);
        assert_eq!(tries.wait(1, Some(Duration::from_secs(31))), None);
    }
}
