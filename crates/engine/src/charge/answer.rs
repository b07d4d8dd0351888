//! What the caller gets.

use std::fmt;

use super::{Charge, Fulfilment, Money};

/// What a route does with a finished answer whose money is still unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UnknownPolicy {
    /// The answer goes out with a receipt marked pending; reconciliation resolves the money.
    #[default]
    Serve,
    /// The answer waits: 503, and the same payment is asked about again.
    Withhold,
}

impl fmt::Display for UnknownPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Serve => "serve",
            Self::Withhold => "withhold",
        })
    }
}

/// What the caller gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The handler's answer, with a receipt.
    Serve,
    /// The handler's answer, with a receipt that says the money is not final.
    ServePending,
    /// Nothing yet: the outcome is open, and no new payment may be asked for.
    Withhold,
    /// Nothing: the payment was refused for good.
    Refuse,
    /// The handler's own failure, uncharged.
    HandlersOwn,
}

impl Charge {
    /// What the caller gets as things stand. While anything is under way nothing goes out: in doubt, [`Answer::Withhold`].
    #[must_use]
    pub const fn answer(self, policy: UnknownPolicy) -> Answer {
        match (self.fulfilment(), self.money()) {
            (Fulfilment::Failed, _) => Answer::HandlersOwn,
            (_, Money::Failed) | (Fulfilment::Completed, Money::Released) => Answer::Refuse,
            (Fulfilment::Completed, Money::Settled | Money::Refunding | Money::Refunded) => Answer::Serve,
            (Fulfilment::Completed, Money::Unknown) => match policy {
                UnknownPolicy::Serve => Answer::ServePending,
                UnknownPolicy::Withhold => Answer::Withhold,
            },
            _ => Answer::Withhold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(money: Money, fulfilment: Fulfilment) -> [Answer; 2] {
        [UnknownPolicy::Serve, UnknownPolicy::Withhold].map(|policy| Charge::at(money, fulfilment).answer(policy))
    }

    #[test]
    fn a_finished_answer_goes_out_only_when_its_money_is_taken() {
        assert_eq!(answer(Money::Settled, Fulfilment::Completed), [Answer::Serve; 2]);
        assert_eq!(answer(Money::Failed, Fulfilment::Completed), [Answer::Refuse; 2]);
        assert_eq!(answer(Money::Released, Fulfilment::Completed), [Answer::Refuse; 2]);
        assert_eq!(answer(Money::Reserved, Fulfilment::Completed), [Answer::Withhold; 2]);
        assert_eq!(answer(Money::Settling, Fulfilment::Completed), [Answer::Withhold; 2]);
    }

    #[test]
    fn the_route_decides_about_unknown_money_once_the_work_is_done() {
        assert_eq!(answer(Money::Unknown, Fulfilment::Completed), [Answer::ServePending, Answer::Withhold]);
        assert_eq!(answer(Money::Unknown, Fulfilment::Pending), [Answer::Withhold; 2]);
    }

    #[test]
    fn a_failed_handler_always_speaks_for_itself() {
        for money in [Money::Reserved, Money::Settled, Money::Released, Money::Unknown, Money::Failed] {
            assert_eq!(answer(money, Fulfilment::Failed), [Answer::HandlersOwn; 2], "{money:?}");
        }
    }

    #[test]
    fn nothing_goes_out_while_the_handler_runs() {
        for money in [Money::Reserved, Money::Settled, Money::Released] {
            assert_eq!(answer(money, Fulfilment::Running), [Answer::Withhold; 2], "{money:?}");
        }
    }
}
