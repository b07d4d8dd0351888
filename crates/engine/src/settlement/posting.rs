//! What the ledger says of a settled payment.

use farebox_types::{AtomicAmount, Id, Merchant, Quantity};

use super::{PaymentKey, Terms};
use crate::ledger::{AccountSpec, Actor, BadLeg, Command, Leg, Operation, TransferId, Unit};

/// The id of the posting of one payment: a second one is refused for ever.
#[must_use]
pub fn posting_id(tenant: Id<Merchant>, key: PaymentKey) -> TransferId {
    TransferId::derive(tenant, "settlement", &key.to_string())
}

/// An amount as the ledger counts it, one millionth for each atomic unit; `None` if it is more than the ledger can hold
/// (9.2 of a token with 18 decimals, nine million millions of one with 6).
#[must_use]
pub fn countable(amount: AtomicAmount) -> Option<Quantity> {
    i64::try_from(amount.units()).ok().and_then(Quantity::from_micros)
}

/// The posting: from the payer's own account on the chain to what arrived at the payee's. `None` for a zero charge.
///
/// # Errors
/// [`BadLeg`] for an amount that is not [`countable`]; such a payment is refused before its intent is written.
pub fn posting(tenant: Id<Merchant>, key: PaymentKey, terms: &Terms, actor: Actor) -> Result<Option<Command>, BadLeg> {
    if terms.amount.is_zero() {
        return Ok(None);
    }
    let token = Unit::Token { chain: terms.chain, asset: terms.asset };
    let from = AccountSpec::outside(tenant, token, terms.payer);
    let to = AccountSpec::takings(tenant, token, terms.pay_to);
    let amount = countable(terms.amount).ok_or(BadLeg::Zero)?;
    let leg = Leg::charge(from, to, amount)?;
    Operation::new(posting_id(tenant, key), vec![leg], actor).map(|operation| Some(Command::Post(operation)))
}
