//! The states of a payment and what moves it along them.

/// Where a payment stands; the words are the wire's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Written down; the provider has not been asked.
    Created,
    /// The payer must act.
    RequiresAction,
    /// The provider is at it, or has not said.
    Processing,
    /// Authorized, to be captured.
    RequiresCapture,
    /// Paid.
    Succeeded,
    /// Some of it was paid back.
    PartiallyRefunded,
    /// All of it was paid back.
    Refunded,
    /// The payer's bank withholds the money or has taken it.
    Disputed,
    /// Refused for good.
    Failed,
    /// Given up; nothing was paid.
    Canceled,
}

/// How much of what was captured has been paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PaidBack {
    /// Nothing.
    None,
    /// Some.
    Part,
    /// All.
    All,
}

/// What happens to a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The provider is asked.
    Sent,
    /// The provider wants the payer to act.
    ActionNeeded,
    /// The money is set aside at the payer's bank.
    Authorized,
    /// The money is taken.
    Captured,
    /// The provider refused.
    Refused,
    /// It was given up.
    GivenUp,
    /// So much has been paid back.
    PaidBack(PaidBack),
    /// A refund's money came back from the payer's bank; so much stays paid back.
    CameBack(PaidBack),
    /// The payer's bank withholds the money.
    DisputeOpened,
    /// The merchant keeps the money; so much of it had been paid back.
    DisputeWon(PaidBack),
    /// The payer has the money back.
    DisputeLost,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::RequiresAction,
        Self::Processing,
        Self::RequiresCapture,
        Self::Succeeded,
        Self::PartiallyRefunded,
        Self::Refunded,
        Self::Disputed,
        Self::Failed,
        Self::Canceled,
    ];

    /// The word storage and the wire keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::Succeeded => "succeeded",
            Self::PartiallyRefunded => "partially_refunded",
            Self::Refunded => "refunded",
            Self::Disputed => "disputed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// The state of this word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The state after `event`; `None` if it is old news or cannot happen here, and the state stays.
    #[must_use]
    pub const fn apply(self, event: Event) -> Option<Self> {
        use State as S;
        match (self, event) {
            (S::Created | S::RequiresAction, Event::Sent) => Some(S::Processing),
            (S::Created | S::Processing, Event::ActionNeeded) => Some(S::RequiresAction),
            (S::Created | S::RequiresAction | S::Processing, Event::Authorized) => Some(S::RequiresCapture),
            // Money that moved wins, even over an end.
            (
                S::Created | S::RequiresAction | S::Processing | S::RequiresCapture | S::Failed | S::Canceled,
                Event::Captured,
            ) => Some(S::Succeeded),
            (S::Created | S::RequiresAction | S::Processing | S::RequiresCapture, Event::Refused) => Some(S::Failed),
            (S::Created | S::RequiresAction | S::Processing | S::RequiresCapture, Event::GivenUp) => Some(S::Canceled),
            (S::Succeeded, Event::PaidBack(PaidBack::Part)) => Some(S::PartiallyRefunded),
            (S::Succeeded | S::PartiallyRefunded, Event::PaidBack(PaidBack::All)) => Some(S::Refunded),
            (S::PartiallyRefunded | S::Refunded, Event::CameBack(PaidBack::None)) => Some(S::Succeeded),
            (S::Refunded, Event::CameBack(PaidBack::Part)) => Some(S::PartiallyRefunded),
            (S::Succeeded | S::PartiallyRefunded | S::Refunded, Event::DisputeOpened) => Some(S::Disputed),
            (S::Disputed, Event::DisputeWon(PaidBack::None)) => Some(S::Succeeded),
            (S::Disputed, Event::DisputeWon(PaidBack::Part)) => Some(S::PartiallyRefunded),
            (S::Disputed, Event::DisputeWon(PaidBack::All)) => Some(S::Refunded),
            _ => None,
        }
    }

    /// Whether money was taken at some time.
    #[must_use]
    pub const fn was_paid(self) -> bool {
        matches!(self, Self::Succeeded | Self::PartiallyRefunded | Self::Refunded | Self::Disputed)
    }

    /// Whether only the provider, the payer or a call can tell how this goes on.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Created | Self::RequiresAction | Self::Processing | Self::RequiresCapture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 17] = [
        Event::Sent,
        Event::ActionNeeded,
        Event::Authorized,
        Event::Captured,
        Event::Refused,
        Event::GivenUp,
        Event::PaidBack(PaidBack::None),
        Event::PaidBack(PaidBack::Part),
        Event::PaidBack(PaidBack::All),
        Event::CameBack(PaidBack::None),
        Event::CameBack(PaidBack::Part),
        Event::CameBack(PaidBack::All),
        Event::DisputeOpened,
        Event::DisputeWon(PaidBack::None),
        Event::DisputeWon(PaidBack::Part),
        Event::DisputeWon(PaidBack::All),
        Event::DisputeLost,
    ];

    /// One row a state, one letter an event: where it leads, `.` nowhere.
    const TABLE: [(State, &str); 10] = [
        (State::Created, "pacsfx..........."),
        (State::RequiresAction, "p.csfx..........."),
        (State::Processing, ".acsfx..........."),
        (State::RequiresCapture, "...sfx..........."),
        (State::Succeeded, ".......hr...d...."),
        (State::PartiallyRefunded, "........rs..d...."),
        (State::Refunded, ".........sh.d...."),
        (State::Disputed, ".............shr."),
        (State::Failed, "...s............."),
        (State::Canceled, "...s............."),
    ];

    fn letter(state: Option<State>) -> char {
        match state {
            None => '.',
            Some(State::Created) => '!',
            Some(State::RequiresAction) => 'a',
            Some(State::Processing) => 'p',
            Some(State::RequiresCapture) => 'c',
            Some(State::Succeeded) => 's',
            Some(State::PartiallyRefunded) => 'h',
            Some(State::Refunded) => 'r',
            Some(State::Disputed) => 'd',
            Some(State::Failed) => 'f',
            Some(State::Canceled) => 'x',
        }
    }

    #[test]
    fn every_state_meets_every_event_as_the_table_says() {
        assert_eq!(TABLE.map(|row| row.0), State::ALL);
        for (state, row) in TABLE {
            let leads: String = EVENTS.into_iter().map(|event| letter(state.apply(event))).collect();
            assert_eq!(leads, row, "{state:?}");
        }
    }

    #[test]
    fn a_state_reads_back_from_its_word() {
        for state in State::ALL {
            assert_eq!(State::read(state.as_str()), Some(state));
        }
        assert_eq!(State::read("paid"), None);
    }
}
