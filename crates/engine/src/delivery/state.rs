//! The states of a delivery.

/// Where a delivery stands; the words are the wire's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Not tried yet.
    Pending,
    /// In some process's hands.
    Delivering,
    /// The receiver accepted it.
    Succeeded,
    /// It failed and will be tried again.
    Waiting,
    /// It failed and will not be tried again.
    Exhausted,
}

/// What happens to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A process takes it; also from one that has died with it.
    Taken,
    /// The receiver accepted it.
    Accepted,
    /// This attempt failed, and there will be another.
    Failed,
    /// The last attempt failed, or its endpoint is gone.
    GivenUp,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Delivering, Self::Succeeded, Self::Waiting, Self::Exhausted];

    /// The word storage and the wire keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivering => "delivering",
            Self::Succeeded => "succeeded",
            Self::Waiting => "waiting",
            Self::Exhausted => "exhausted",
        }
    }

    /// The state of this word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The state after `event`; `None` if it cannot happen here.
    #[must_use]
    pub const fn apply(self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Pending | Self::Waiting | Self::Delivering, Event::Taken) => Some(Self::Delivering),
            (Self::Delivering, Event::Accepted) => Some(Self::Succeeded),
            (Self::Delivering, Event::Failed) => Some(Self::Waiting),
            (Self::Pending | Self::Waiting | Self::Delivering, Event::GivenUp) => Some(Self::Exhausted),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_event_in_one_table() {
        use {Event as E, State as S};
        let table = [
            (S::Pending, [Some(S::Delivering), None, None, Some(S::Exhausted)]),
            (S::Delivering, [Some(S::Delivering), Some(S::Succeeded), Some(S::Waiting), Some(S::Exhausted)]),
            (S::Succeeded, [None, None, None, None]),
            (S::Waiting, [Some(S::Delivering), None, None, Some(S::Exhausted)]),
            (S::Exhausted, [None, None, None, None]),
        ];
        assert_eq!(table.map(|(state, _)| state), S::ALL);
        for (state, after) in table {
            let events = [E::Taken, E::Accepted, E::Failed, E::GivenUp];
            assert_eq!(events.map(|event| state.apply(event)), after, "{state:?}");
            assert_eq!(S::read(state.as_str()), Some(state));
        }
        assert_eq!(S::read("lost"), None);
    }
}
