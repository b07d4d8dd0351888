//! The two axes and what moves a charge along them.

/// Where the money of a charge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Money {
    /// Set aside; nothing is taken.
    Reserved,
    /// The rail was asked to take it and has not answered.
    Settling,
    /// Taken. Final, but for a refund.
    Settled,
    /// The rail was asked to give it back.
    Refunding,
    /// Given back after it was taken. Final.
    Refunded,
    /// Never taken; the reservation is given back. Final.
    Released,
    /// The rail refused to take it. Final.
    Failed,
    /// The rail was asked and did not say. Left only by its answer.
    Unknown,
}

/// Where the work that is paid for stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fulfilment {
    /// Not begun.
    Pending,
    /// The handler runs.
    Running,
    /// The handler's answer is whole. Final.
    Completed,
    /// The handler failed. Final.
    Failed,
}

/// What happens to a charge. A `Sent` event is recorded before the rail is asked, its answer after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// The handler begins.
    HandlerStarted,
    /// The handler's answer is whole and a success.
    HandlerCompleted,
    /// The handler failed, broke off or went away.
    HandlerFailed,
    /// The reservation is given back: on purpose, or because its time ran out.
    Released,
    /// The rail is about to be asked to take the money.
    SettleSent,
    /// The rail took it.
    SettleConfirmed,
    /// The rail did not take it, and will not.
    SettleRefused,
    /// The rail did not say.
    SettleSilent,
    /// The rail is about to be asked to give the money back.
    RefundSent,
    /// The rail gave it back.
    RefundConfirmed,
    /// The rail keeps it.
    RefundRefused,
}

/// One economic effect: starts reserved, ends settled, released or failed, and never in two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Charge {
    money: Money,
    fulfilment: Fulfilment,
}

/// An event that cannot happen to a charge in this state; the charge is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} cannot happen to a charge whose money is {:?} and whose fulfilment is {:?}", .charge.money, .charge.fulfilment)]
pub struct IllegalEvent {
    /// The charge as it was, and is.
    pub charge: Charge,
    /// What was tried.
    pub event: Event,
}

impl Charge {
    /// A new charge: the amount is reserved, the work has not begun.
    #[must_use]
    pub const fn reserved() -> Self {
        Self { money: Money::Reserved, fulfilment: Fulfilment::Pending }
    }

    /// Where the money stands.
    #[must_use]
    pub const fn money(self) -> Money {
        self.money
    }

    /// Where the work stands.
    #[must_use]
    pub const fn fulfilment(self) -> Fulfilment {
        self.fulfilment
    }

    /// The charge after `event`.
    ///
    /// # Errors
    /// [`IllegalEvent`] if it cannot happen now; nothing changes.
    pub fn apply(self, event: Event) -> Result<Self, IllegalEvent> {
        let illegal = IllegalEvent { charge: self, event };
        match event {
            Event::HandlerStarted | Event::HandlerCompleted | Event::HandlerFailed => self.work(event),
            Event::RefundSent | Event::RefundConfirmed | Event::RefundRefused => self.refund(event),
            _ => self.take(event),
        }
        .ok_or(illegal)
    }

    /// The work begins only on money that is set aside or taken, and ends whatever the money does meanwhile.
    const fn work(self, event: Event) -> Option<Self> {
        let fulfilment = match (self.fulfilment, self.money, event) {
            (Fulfilment::Pending, Money::Reserved | Money::Settled, Event::HandlerStarted) => Fulfilment::Running,
            (Fulfilment::Running, _, Event::HandlerCompleted) => Fulfilment::Completed,
            (Fulfilment::Running, _, Event::HandlerFailed) => Fulfilment::Failed,
            _ => return None,
        };
        Some(Self { fulfilment, ..self })
    }

    /// Money is asked for before the work or after it succeeded, never during it or after it failed.
    const fn take(self, event: Event) -> Option<Self> {
        let due = matches!(self.fulfilment, Fulfilment::Pending | Fulfilment::Completed);
        let money = match (self.money, event) {
            (Money::Reserved, Event::Released) => Money::Released,
            (Money::Reserved, Event::SettleSent) if due => Money::Settling,
            (Money::Settling | Money::Unknown, Event::SettleConfirmed) => Money::Settled,
            (Money::Settling | Money::Unknown, Event::SettleRefused) => Money::Failed,
            (Money::Settling | Money::Unknown, Event::SettleSilent) => Money::Unknown,
            _ => return None,
        };
        Some(Self { money, ..self })
    }

    const fn refund(self, event: Event) -> Option<Self> {
        let money = match (self.money, event) {
            (Money::Settled, Event::RefundSent) => Money::Refunding,
            (Money::Refunding, Event::RefundConfirmed) => Money::Refunded,
            (Money::Refunding, Event::RefundRefused) => Money::Settled,
            _ => return None,
        };
        Some(Self { money, ..self })
    }

    #[cfg(test)]
    pub(super) const fn at(money: Money, fulfilment: Fulfilment) -> Self {
        Self { money, fulfilment }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MONEY: [Money; 8] = [
        Money::Reserved,
        Money::Settling,
        Money::Settled,
        Money::Refunding,
        Money::Refunded,
        Money::Released,
        Money::Failed,
        Money::Unknown,
    ];
    const FULFILMENT: [Fulfilment; 4] =
        [Fulfilment::Pending, Fulfilment::Running, Fulfilment::Completed, Fulfilment::Failed];
    const EVENTS: [Event; 11] = [
        Event::HandlerStarted,
        Event::HandlerCompleted,
        Event::HandlerFailed,
        Event::Released,
        Event::SettleSent,
        Event::SettleConfirmed,
        Event::SettleRefused,
        Event::SettleSilent,
        Event::RefundSent,
        Event::RefundConfirmed,
        Event::RefundRefused,
    ];

    /// Every legal move of the money: from, event, to, and with which fulfilment.
    const MONEY_MOVES: [(Money, Event, Money, &[Fulfilment]); 11] = {
        use Event as E;
        use Money as M;
        const ANY: &[Fulfilment] = &FULFILMENT;
        const IDLE: &[Fulfilment] = &[Fulfilment::Pending, Fulfilment::Completed];
        [
            (M::Reserved, E::Released, M::Released, ANY),
            (M::Reserved, E::SettleSent, M::Settling, IDLE),
            (M::Settling, E::SettleConfirmed, M::Settled, ANY),
            (M::Settling, E::SettleRefused, M::Failed, ANY),
            (M::Settling, E::SettleSilent, M::Unknown, ANY),
            (M::Unknown, E::SettleConfirmed, M::Settled, ANY),
            (M::Unknown, E::SettleRefused, M::Failed, ANY),
            (M::Unknown, E::SettleSilent, M::Unknown, ANY),
            (M::Settled, E::RefundSent, M::Refunding, ANY),
            (M::Refunding, E::RefundConfirmed, M::Refunded, ANY),
            (M::Refunding, E::RefundRefused, M::Settled, ANY),
        ]
    };

    /// Every legal move of the work: from, event, to, and with which money.
    const WORK_MOVES: [(Fulfilment, Event, Fulfilment, &[Money]); 3] = [
        (Fulfilment::Pending, Event::HandlerStarted, Fulfilment::Running, &[Money::Reserved, Money::Settled]),
        (Fulfilment::Running, Event::HandlerCompleted, Fulfilment::Completed, &MONEY),
        (Fulfilment::Running, Event::HandlerFailed, Fulfilment::Failed, &MONEY),
    ];

    fn every_charge() -> impl Iterator<Item = Charge> {
        MONEY.into_iter().flat_map(|money| FULFILMENT.map(|fulfilment| Charge::at(money, fulfilment)))
    }

    fn listed(charge: Charge, event: Event) -> Option<Charge> {
        let money = MONEY_MOVES
            .iter()
            .find(|(from, by, _, when)| (*from, *by) == (charge.money, event) && when.contains(&charge.fulfilment))
            .map(|(_, _, to, _)| Charge::at(*to, charge.fulfilment));
        let work = WORK_MOVES
            .iter()
            .find(|(from, by, _, when)| (*from, *by) == (charge.fulfilment, event) && when.contains(&charge.money))
            .map(|(_, _, to, _)| Charge::at(charge.money, *to));
        money.or(work)
    }

    #[test]
    fn every_state_and_event_does_what_the_table_says_and_nothing_else() {
        let mut legal = 0;
        for charge in every_charge() {
            for event in EVENTS {
                let expected = listed(charge, event).ok_or(IllegalEvent { charge, event });
                legal += usize::from(expected.is_ok());
                assert_eq!(charge.apply(event), expected, "{charge:?} {event:?}");
            }
        }
        assert_eq!(legal, 10 * 4 + 2 + 2 + 8 + 8, "of {} pairs", 8 * 4 * EVENTS.len());
    }

    #[test]
    fn unknown_is_left_only_by_an_answer_of_the_rail() {
        for charge in every_charge().filter(|charge| charge.money == Money::Unknown) {
            for event in EVENTS {
                let left = charge.apply(event).is_ok_and(|after| after.money != Money::Unknown);
                assert_eq!(left, matches!(event, Event::SettleConfirmed | Event::SettleRefused), "{event:?}");
            }
        }
    }

    #[test]
    fn final_money_moves_no_more_except_into_a_refund() {
        let is_final = |money| matches!(money, Money::Settled | Money::Refunded | Money::Released | Money::Failed);
        for charge in every_charge().filter(|charge| is_final(charge.money)) {
            for event in EVENTS {
                let Ok(after) = charge.apply(event) else { continue };
                let refund = (charge.money, after.money) == (Money::Settled, Money::Refunding);
                assert!(after.money == charge.money || refund, "{charge:?} {event:?}");
            }
        }
    }

    #[test]
    fn nobody_is_charged_while_the_handler_runs_or_after_it_failed() {
        for fulfilment in [Fulfilment::Running, Fulfilment::Failed] {
            assert!(Charge::at(Money::Reserved, fulfilment).apply(Event::SettleSent).is_err());
        }
    }

    #[test]
    fn the_handler_does_not_begin_without_money_behind_it() {
        for money in MONEY {
            let begins = Charge::at(money, Fulfilment::Pending).apply(Event::HandlerStarted).is_ok();
            assert_eq!(begins, matches!(money, Money::Reserved | Money::Settled), "{money:?}");
        }
    }

    proptest! {
        #[test]
        fn a_charge_has_at_most_one_economic_end(events in proptest::collection::vec(0..EVENTS.len(), 0..60)) {
            let mut charge = Charge::reserved();
            let mut ends = std::collections::HashSet::new();
            for event in events {
                charge = charge.apply(EVENTS[event]).unwrap_or(charge);
                if matches!(charge.money, Money::Settled | Money::Released | Money::Failed) {
                    ends.insert(charge.money);
                }
            }
            prop_assert!(ends.len() <= 1, "{ends:?}");
        }

        #[test]
        fn money_is_asked_for_at_most_once(events in proptest::collection::vec(0..EVENTS.len(), 0..60)) {
            let mut charge = Charge::reserved();
            let mut asked = 0;
            for event in events.into_iter().map(|at| EVENTS[at]) {
                let Ok(after) = charge.apply(event) else { continue };
                asked += usize::from(event == Event::SettleSent);
                charge = after;
            }
            prop_assert!(asked <= 1);
        }
    }
}
