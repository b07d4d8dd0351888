//! Payments for a checkout: begun, gone on with, given up for another method.

use farebox_engine::{
    ledger::Actor,
    payment::{Ask, Call, Collects, Payment, State},
};
use farebox_store::billing::{Attempt, Checkout};
use farebox_types::{Id, Merchant, Money};

use crate::{
    payments::{Draft, Payments},
    refusal::{Failure, Refusal, impossible},
};

/// What the payer brings.
pub(crate) struct Wanted {
    pub(crate) tenant: Id<Merchant>,
    /// The provider's id of a method.
    pub(crate) method: String,
    /// Where the payer's bank sends the browser back to.
    pub(crate) return_url: Option<String>,
    /// For the payer's statement.
    pub(crate) description: String,
}

fn payer() -> Actor {
    Actor::new("checkout")
}

/// Pays what a checkout says is due; if a payment is under way or has paid already, that one.
pub(crate) async fn attempt(payments: &Payments, checkout: &Checkout, wanted: Wanted) -> Result<Payment, Failure> {
    let due = checkout.due.as_ref().ok_or_else(|| impossible("nothing is due"))?;
    let currency = due.currency.parse().map_err(|_| impossible("a price in no currency"))?;
    let draft = Draft {
        tenant: wanted.tenant,
        customer_id: checkout.customer.to_string(),
        money: Money { minor: due.minor, currency },
        method: wanted.method,
        description: Some(wanted.description),
        return_url: wanted.return_url,
        collects: Collects::Checkout(checkout.id),
    };
    let row = payments.draft(draft).await?;
    let billing = payments.backend().billing();
    match billing.attempt_checkout(&row, &payer()).await.map_err(refused)? {
        Attempt::Begun(row) => Ok(payments.drive(row, Call::Create, payer()).await?),
        Attempt::Standing(row) => Ok(row),
    }
}

/// The payer is back from the bank, perhaps: asks what the bank has said.
pub(crate) async fn come_back(payments: &Payments, row: Payment) -> Result<Payment, Failure> {
    if row.state != State::RequiresAction || row.details.pending.is_some() {
        return Ok(row);
    }
    Ok(payments.look(row).await?)
}

/// The payer has paid in the provider's window, perhaps: goes on with what the browser brought, and with our own amount.
pub(crate) async fn confirm(payments: &Payments, row: Payment, token: String) -> Result<Payment, Failure> {
    let usable = (1..=300).contains(&token.len()) && !token.contains(char::is_control);
    if !usable || row.state != State::RequiresAction || row.details.pending.is_some() {
        return Ok(row);
    }
    payments.ask(&row, Ask::Confirm(Some(token)), payer()).await
}

/// Gives up a payment that waits for its payer, so that another method can be tried.
pub(crate) async fn another_method(payments: &Payments, row: Payment) -> Result<Payment, Failure> {
    if row.state != State::RequiresAction {
        return Ok(row);
    }
    payments.ask(&row, Ask::Cancel, payer()).await
}

fn refused(error: farebox_store::billing::BillingError) -> Failure {
    use farebox_store::billing::BillingError as E;
    match error {
        E::Fault(fault) => fault.into(),
        E::Busy => Refusal::PaymentBusy.into(),
        E::Invalid(_) | E::NotFound(_) => Refusal::CheckoutOver.into(),
        other => impossible(format!("a checkout could not be attempted: {other}")).into(),
    }
}
