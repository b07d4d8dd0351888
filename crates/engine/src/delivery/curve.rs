//! How long a failed delivery waits.

use std::time::Duration;

/// Attempts of one delivery at most.
pub const ATTEMPTS: u32 = 10;

/// The most seconds between an attempt and the next: from five seconds to a day in even steps of proportion.
const CAPS: [u64; 9] = [5, 17, 57, 194, 657, 2_226, 7_537, 25_521, 86_400];

/// How long to wait after `made` attempts have failed; `None` when there is no further one. `roll` is a random number: the
/// wait is anywhere between nothing and the cap ("full jitter").
#[must_use]
pub fn wait(made: u32, roll: u64) -> Option<Duration> {
    let at = usize::try_from(made).ok()?.checked_sub(1)?;
    let cap = CAPS.get(at)?.saturating_mul(1_000);
    Some(Duration::from_millis(roll % (cap + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_attempts_have_nine_waits_whose_caps_grow_to_a_day() {
        let caps: Vec<_> = (1..=9).map(|made| CAPS[made - 1]).collect();
        assert!(caps.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!((caps[0], caps[8]), (5, 86_400));
        assert_eq!(u32::try_from(caps.len()).unwrap() + 1, ATTEMPTS);
        assert_eq!((wait(0, 1), wait(ATTEMPTS, 1), wait(u32::MAX, 1)), (None, None, None));
    }

    #[test]
    fn a_wait_is_anywhere_up_to_its_cap_both_ends_included() {
        for made in 1..ATTEMPTS {
            let cap = CAPS[usize::try_from(made).unwrap() - 1] * 1_000;
            assert_eq!(wait(made, 0), Some(Duration::ZERO));
            assert_eq!(wait(made, cap), Some(Duration::from_millis(cap)));
            assert!(wait(made, u64::MAX).unwrap() <= Duration::from_millis(cap));
        }
    }
}
