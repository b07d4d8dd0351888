//! Asking for and recording usage.

mod batch;
mod check;
mod consume;
mod track;

pub(super) use batch::batch;
pub(super) use check::check;
pub(super) use consume::consume;
pub(super) use track::track;

use std::sync::Arc;

use farebox_api::Amount;
use farebox_store::billing::{Subscription, Tell};
use farebox_types::Quantity;
use uuid::Uuid;

use super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
    view,
};

/// Whose: named itself, or by a subscription of it.
async fn customer(
    desk: &Desk,
    call: &Call,
    customer: Option<Uuid>,
    subscription: Option<Uuid>,
) -> Result<Uuid, Denial> {
    let Some(subscription) = subscription else {
        return customer.ok_or_else(|| Denial::invalid("/customer_id", "missing", "or subscription_id must be given"));
    };
    let owner = desk.find::<Subscription>(call, subscription, "subscription").await?.value.customer;
    if customer.is_some_and(|customer| customer != owner) {
        return Err(Denial::not_found("subscription of this customer"));
    }
    Ok(owner)
}

/// What is said about a use: kept with it, so that a repeat is answered to the letter.
fn teller(customer: Uuid) -> Tell {
    let said = move |answer: &_| view::check(customer, answer).and_then(|check| Reply::ok(&check));
    Arc::new(move |answer| said(answer).map(|reply| reply.body).unwrap_or_default())
}

/// More than nothing.
fn positive(pointer: &str, amount: Amount) -> Result<Quantity, Denial> {
    let quantity = amount.quantity().filter(|quantity| !quantity.is_zero());
    quantity.ok_or_else(|| Denial::member(pointer, "must be more than 0"))
}
