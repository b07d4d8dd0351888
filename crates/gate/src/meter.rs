//! What a handler counts while it answers.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use farebox_types::AtomicAmount;

/// Counts what a metered request uses: whole credits, or atomic units of the token. Cheap to clone; taken from the
/// [`PaymentContext`](crate::PaymentContext), also by what writes a streamed answer.
///
/// What is counted is taken, at most the price; a meter that was never used says nothing, and the whole price is taken.
#[derive(Clone, Default)]
pub struct Meter {
    counted: Arc<Mutex<Option<AtomicAmount>>>,
}

impl Meter {
    /// Counts more. Zero says that the meter is used.
    pub fn add(&self, units: u64) {
        let mut counted = self.counted();
        let sum = counted.unwrap_or_default().checked_add(units.into());
        // What cannot be counted any more is above any price.
        *counted = sum.or(*counted);
    }

    /// What has been counted, if anything was.
    #[must_use]
    pub fn count(&self) -> Option<AtomicAmount> {
        *self.counted()
    }

    fn counted(&self) -> MutexGuard<'_, Option<AtomicAmount>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_sums_and_knows_whether_it_was_used() {
        let meter = Meter::default();
        assert_eq!(meter.count(), None);
        meter.add(0);
        assert_eq!(meter.count(), Some(0.into()));
        let same = meter.clone();
        same.add(7);
        meter.add(5);
        assert_eq!(meter.count(), Some(12.into()));
    }
}
