//! Which facilitator has which payment: from the first settle that may have arrived until its outcome is known.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Open payments that are remembered; the oldest are forgotten first.
const MOST: usize = 65_536;

#[derive(Default)]
pub(super) struct Memory {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    by_id: HashMap<String, usize>,
    order: VecDeque<String>,
}

impl Memory {
    pub(super) fn sent_to(&self, id: &str) -> Option<usize> {
        self.open().by_id.get(id).copied()
    }

    pub(super) fn sent(&self, id: &str, index: usize) {
        let mut open = self.open();
        if open.by_id.insert(id.to_owned(), index).is_none() {
            open.order.push_back(id.to_owned());
        }
        // What was forgotten in between leaves its place in the order behind.
        while open.order.len() > MOST {
            if let Some(oldest) = open.order.pop_front() {
                open.by_id.remove(&oldest);
            }
        }
    }

    pub(super) fn known(&self, id: &str) {
        let mut open = self.open();
        if open.by_id.remove(id).is_some() {
            open.order.retain(|other| other != id);
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_payment_stays_with_the_facilitator_that_may_have_it() {
        let memory = Memory::default();
        memory.sent("a", 1);
        memory.sent("a", 1);
        assert_eq!((memory.sent_to("a"), memory.sent_to("b")), (Some(1), None));
        memory.known("a");
        assert_eq!(memory.sent_to("a"), None);
        assert!(memory.open().order.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let memory = Memory::default();
        for id in 0..=MOST {
            memory.sent(&id.to_string(), 0);
        }
        assert_eq!(memory.sent_to("0"), None);
        assert_eq!(memory.open().by_id.len(), MOST);
    }
}
