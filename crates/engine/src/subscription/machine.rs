//! The states of a subscription, and what leads from one to another.

use serde::{Deserialize, Serialize};

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for its first payment.
    PendingActivation,
    /// Tried out.
    Trialing,
    /// In force.
    Active,
    /// In force, though a payment is missing.
    PastDue,
    /// Resting: gives nothing.
    Paused,
    /// Over.
    Canceled,
    /// Not in force: payments were asked for in vain.
    Unpaid,
    /// Over before it began.
    IncompleteExpired,
}

/// What happens to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Nothing is to be paid, or it was paid.
    Activated,
    /// It may be tried out first.
    TrialStarted,
    /// The time to pay for the first time is over.
    CheckoutExpired,
    /// A payment that is due did not come.
    PaymentFailed,
    /// The tenant no longer asks for payments, and ends it.
    GivenUp,
    /// The tenant no longer asks for payments, and keeps it.
    LeftUnpaid,
    /// Ended: at once, or at the end of its period.
    Canceled,
    /// Put to rest.
    Paused,
    /// Woken.
    Resumed,
}

/// The event cannot happen in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a subscription that is {} cannot do this", .status.as_str())]
pub struct NotAllowed {
    /// Where it stands.
    pub status: Status,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::PendingActivation,
        Self::Trialing,
        Self::Active,
        Self::PastDue,
        Self::Paused,
        Self::Canceled,
        Self::Unpaid,
        Self::IncompleteExpired,
    ];

    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PendingActivation => "pending_activation",
            Self::Trialing => "trialing",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
            Self::Unpaid => "unpaid",
            Self::IncompleteExpired => "incomplete_expired",
        }
    }

    /// Whether it gives anything (a subscription that is past due only within the tenant's grace).
    #[must_use]
    pub const fn is_entitled(self) -> bool {
        matches!(self, Self::Trialing | Self::Active | Self::PastDue)
    }

    /// Whether nothing leads out of it.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

/// The state after an event.
///
/// # Errors
/// [`NotAllowed`] if it cannot happen in this state.
pub const fn apply(status: Status, event: Event) -> Result<Status, NotAllowed> {
    use Status as S;
    let after = match (status, event) {
        (S::PendingActivation | S::Trialing | S::PastDue | S::Unpaid | S::Active, Event::Activated)
        | (S::Paused, Event::Resumed) => S::Active,
        (S::PendingActivation, Event::TrialStarted) => S::Trialing,
        (S::PendingActivation, Event::CheckoutExpired) => S::IncompleteExpired,
        (S::Trialing | S::Active | S::PastDue, Event::PaymentFailed) => S::PastDue,
        (S::PastDue, Event::LeftUnpaid) => S::Unpaid,
        (S::Active, Event::Paused) => S::Paused,
        (S::PastDue | S::Unpaid, Event::GivenUp)
        | (S::PendingActivation | S::Trialing | S::Active | S::PastDue | S::Paused | S::Unpaid, Event::Canceled) => {
            S::Canceled
        }
        _ => return Err(NotAllowed { status }),
    };
    Ok(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENTS: [Event; 9] = [
        Event::Activated,
        Event::TrialStarted,
        Event::CheckoutExpired,
        Event::PaymentFailed,
        Event::GivenUp,
        Event::LeftUnpaid,
        Event::Canceled,
        Event::Paused,
        Event::Resumed,
    ];

    /// One row a status, one column an event, in the order above; a dash cannot happen.
    const TABLE: [[&str; 9]; 8] = [
        ["active", "trialing", "incomplete_expired", "-", "-", "-", "canceled", "-", "-"],
        ["active", "-", "-", "past_due", "-", "-", "canceled", "-", "-"],
        ["active", "-", "-", "past_due", "-", "-", "canceled", "paused", "-"],
        ["active", "-", "-", "past_due", "canceled", "unpaid", "canceled", "-", "-"],
        ["-", "-", "-", "-", "-", "-", "canceled", "-", "active"],
        ["-", "-", "-", "-", "-", "-", "-", "-", "-"],
        ["active", "-", "-", "-", "canceled", "-", "canceled", "-", "-"],
        ["-", "-", "-", "-", "-", "-", "-", "-", "-"],
    ];

    #[test]
    fn every_state_answers_every_event_as_the_table_says() {
        for (status, row) in Status::ALL.into_iter().zip(TABLE) {
            for (event, expected) in EVENTS.into_iter().zip(row) {
                let after = apply(status, event).map_or("-", Status::as_str);
                assert_eq!(after, expected, "{status:?} {event:?}");
            }
        }
    }

    #[test]
    fn nothing_leads_out_of_what_is_over() {
        for status in Status::ALL.into_iter().filter(|status| status.is_over()) {
            assert!(EVENTS.into_iter().all(|event| apply(status, event) == Err(NotAllowed { status })));
            assert!(!status.is_entitled());
        }
    }
}
