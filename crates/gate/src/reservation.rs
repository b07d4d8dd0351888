//! Payments on a chain that this process has in hand. A chain holds nothing, so the gate does: one authorization runs one
//! handler at a time, and none after it was spent, whatever header it comes in and however late the chain is.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// An authorization's name: network, token, payer and nonce.
pub(crate) type Key = [u8; 32];

/// Every gate of the process: an authorization is spent once, whichever route it pays for.
static DESK: LazyLock<Arc<Desk>> = LazyLock::new(Arc::default);

/// Spent payments that are remembered; the oldest are forgotten first, and left to the chain.
const MOST: usize = 65_536;
/// How long after its own end a spent authorization is remembered.
const MARGIN: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Desk {
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    held: HashSet<Key>,
    spent: HashMap<Key, Instant>,
    order: VecDeque<Key>,
}

/// A payment in hand; put down when dropped.
pub(crate) struct Reservation {
    desk: Arc<Desk>,
    key: Key,
    good_for: Duration,
}

/// Why a payment cannot be taken in hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Another request has it.
    InUse,
    /// It has paid for an answer.
    Spent,
}

/// Takes a payment in hand. `good_for` is how long its authorization lasts at most.
pub(crate) fn reserve(key: Key, good_for: Duration) -> Result<Reservation, Taken> {
    DESK.reserve(key, good_for)
}

impl Desk {
    fn reserve(self: &Arc<Self>, key: Key, good_for: Duration) -> Result<Reservation, Taken> {
        let mut book = self.book();
        book.forget(Instant::now());
        if book.spent.contains_key(&key) {
            return Err(Taken::Spent);
        }
        if !book.held.insert(key) {
            return Err(Taken::InUse);
        }
        drop(book);
        Ok(Reservation { desk: Arc::clone(self), key, good_for })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn forget(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let over = self.spent.get(oldest).is_none_or(|until| *until <= now);
            if !over && self.order.len() <= MOST {
                return;
            }
            if let Some(oldest) = self.order.pop_front() {
                self.spent.remove(&oldest);
            }
        }
    }
}

impl Reservation {
    /// It has paid: nobody may bring it again.
    pub(crate) fn spend(&self) {
        let mut book = self.desk.book();
        let until = Instant::now() + self.good_for + MARGIN;
        if book.spent.insert(self.key, until).is_none() {
            book.order.push_back(self.key);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.desk.book().held.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_payment_in_hand_is_in_use_until_it_is_put_down() {
        let desk = Arc::new(Desk::default());
        let held = desk.reserve([1; 32], MINUTE).unwrap();
        assert_eq!(desk.reserve([1; 32], MINUTE).err(), Some(Taken::InUse));
        assert!(desk.reserve([2; 32], MINUTE).is_ok());
        drop(held);
        assert!(desk.reserve([1; 32], MINUTE).is_ok());
    }

    #[test]
    fn a_spent_payment_is_spent_until_its_authorization_has_ended() {
        let desk = Arc::new(Desk::default());
        desk.reserve([1; 32], MINUTE).unwrap().spend();
        assert_eq!(desk.reserve([1; 32], MINUTE).err(), Some(Taken::Spent));
        desk.book().forget(Instant::now() + MINUTE + MARGIN + MINUTE);
        assert!(desk.reserve([1; 32], MINUTE).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let desk = Arc::new(Desk::default());
        for number in 0..=u64::try_from(MOST).unwrap() {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            desk.reserve(key, MINUTE).unwrap().spend();
        }
        desk.book().forget(Instant::now());
        assert_eq!(desk.book().spent.len(), MOST);
        assert!(desk.reserve([0; 32], MINUTE).is_ok(), "the oldest is forgotten");
    }
}
