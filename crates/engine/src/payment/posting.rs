//! What a payment posts to the ledger.

use farebox_types::Quantity;

use super::{Payment, Refund, RefundState};
use crate::ledger::{AccountSpec, Actor, BadLeg, Command, Leg, Operation, TransferId, Unit};

/// One movement between a customer's money outside and what a merchant has received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// A second one is refused for ever.
    pub id: TransferId,
    /// Who gives.
    pub from: AccountSpec,
    /// Who takes.
    pub to: AccountSpec,
    /// How much.
    pub amount: Quantity,
}

impl Posting {
    /// The ledger's command.
    ///
    /// # Errors
    /// [`BadLeg`] if the amount is zero.
    pub fn command(&self, actor: Actor) -> Result<Command, BadLeg> {
        let leg = Leg::charge(self.from.clone(), self.to.clone(), self.amount)?;
        Operation::new(self.id, vec![leg], actor).map(Command::Post)
    }
}

/// Everything that `payment` has posted so far, its refunds excepted.
#[must_use]
pub fn postings(payment: &Payment) -> Vec<Posting> {
    let mut all: Vec<Posting> =
        post(payment, "capture", &payment.id.to_string(), payment.captured, true).into_iter().collect();
    for (round, dispute) in payment.details.disputes.iter().enumerate() {
        let key = format!("{}/{round}", payment.id);
        all.extend(post(payment, "dispute", &key, dispute.minor, false));
        if dispute.won == Some(true) {
            all.extend(post(payment, "dispute_won", &key, dispute.minor, true));
        }
    }
    all
}

/// What `refund` has posted: it went to the payer once it succeeded, and came back if his bank returned it.
#[must_use]
pub fn refund_postings(payment: &Payment, refund: &Refund) -> Vec<Posting> {
    let returned = payment.details.returned.contains(&refund.id.uuid());
    let mut all = Vec::new();
    if refund.state == RefundState::Succeeded || returned {
        all.extend(post(payment, "refund", &refund.id.to_string(), refund.minor, false));
    }
    if returned {
        all.extend(post(payment, "refund_returned", &refund.id.to_string(), refund.minor, true));
    }
    all
}

fn post(payment: &Payment, what: &str, key: &str, minor: i64, inwards: bool) -> Option<Posting> {
    let amount = Quantity::from_micros(minor).filter(|amount| !amount.is_zero())?;
    let unit = Unit::Money(payment.money.currency);
    let customer = AccountSpec::customer(payment.tenant, unit, &payment.customer_id);
    let received = AccountSpec::received(payment.tenant, unit, &payment.provider);
    let (from, to) = if inwards { (customer, received) } else { (received, customer) };
    let id = TransferId::derive(payment.tenant, &format!("payment.{what}"), key);
    Some(Posting { id, from, to, amount })
}
