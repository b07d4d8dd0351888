//! A memory of one process.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use farebox_types::Timestamp;
use uuid::Uuid;

use crate::replay::{Claim, ReplayStore, StoreError};

/// Longer than senders try.
const KEPT: Duration = Duration::from_secs(72 * 3600);
const MOST: usize = 100_000;

/// Remembers in this process, the last 100 000 events for 72 hours. With a restart everything is new again, and two
/// processes do not know of each other: they need a store that they share.
#[derive(Debug)]
pub struct Memory {
    state: Mutex<State>,
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    events: HashMap<Arc<str>, Entry>,
    /// Handled events, oldest first.
    handled: VecDeque<(Timestamp, Arc<str>)>,
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    Running { ticket: Uuid, ends: Timestamp },
    Done,
}

impl Default for Memory {
    fn default() -> Self {
        Self::holding(MOST)
    }
}

impl Memory {
    /// Remembers at most so many handled events.
    #[must_use]
    pub fn holding(most: usize) -> Self {
        Self { state: Mutex::default(), most }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock: what it guards is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self, now: Timestamp, most: usize) {
        while let Some((at, event)) = self.handled.front() {
            if self.handled.len() <= most && now.since(*at) <= KEPT {
                return;
            }
            self.events.remove(event);
            self.handled.pop_front();
        }
    }

    fn is_held(&self, event: &str, ticket: Uuid) -> bool {
        matches!(self.events.get(event), Some(Entry::Running { ticket: holder, .. }) if *holder == ticket)
    }
}

#[async_trait]
impl ReplayStore for Memory {
    async fn claim(&self, event: &str, ticket: Uuid, now: Timestamp, ends: Timestamp) -> Result<Claim, StoreError> {
        let mut state = self.state();
        state.forget(now, self.most);
        match state.events.get(event) {
            Some(Entry::Done) => return Ok(Claim::Done),
            Some(Entry::Running { ends, .. }) if now < *ends => return Ok(Claim::Running),
            _ => {}
        }
        state.events.insert(event.into(), Entry::Running { ticket, ends });
        Ok(Claim::Granted)
    }

    async fn done(&self, event: &str, ticket: Uuid, now: Timestamp) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.is_held(event, ticket) {
            let event: Arc<str> = event.into();
            state.events.insert(Arc::clone(&event), Entry::Done);
            state.handled.push_back((now, event));
            state.forget(now, self.most);
        }
        Ok(())
    }

    async fn release(&self, event: &str, ticket: Uuid) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.is_held(event, ticket) {
            state.events.remove(event);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    async fn claim(memory: &Memory, event: &str, ticket: Uuid, now: i64) -> Claim {
        memory.claim(event, ticket, at(now), at(now + 60)).await.unwrap()
    }

    #[tokio::test]
    async fn an_event_is_one_callers_until_it_is_done_or_released() {
        let memory = Memory::default();
        assert_eq!(claim(&memory, "e", A, 0).await, Claim::Granted);
        assert_eq!(claim(&memory, "e", B, 59).await, Claim::Running);
        memory.release("e", A).await.unwrap();
        assert_eq!(claim(&memory, "e", B, 59).await, Claim::Granted);
        memory.done("e", B, at(60)).await.unwrap();
        assert_eq!(claim(&memory, "e", A, 1000).await, Claim::Done);
    }

    #[tokio::test]
    async fn a_claim_that_has_ended_is_the_next_ones_and_the_late_holder_changes_nothing() {
        let memory = Memory::default();
        claim(&memory, "e", A, 0).await;
        assert_eq!(claim(&memory, "e", B, 60).await, Claim::Granted);
        memory.release("e", A).await.unwrap();
        memory.done("e", A, at(61)).await.unwrap();
        assert_eq!(claim(&memory, "e", A, 61).await, Claim::Running);
    }

    #[tokio::test]
    async fn it_forgets_the_oldest_first_and_never_grows_beyond_its_measure() {
        let memory = Memory::holding(2);
        for (now, event) in (0..).zip(["a", "b", "c"]) {
            claim(&memory, event, A, now).await;
            memory.done(event, A, at(now)).await.unwrap();
        }
        assert_eq!(memory.state().events.len(), 2);
        assert_eq!(claim(&memory, "b", B, 3).await, Claim::Done);
        assert_eq!(claim(&memory, "a", B, 3).await, Claim::Granted);
        assert_eq!(claim(&memory, "c", B, 72 * 3600 + 3).await, Claim::Granted);
    }
}
