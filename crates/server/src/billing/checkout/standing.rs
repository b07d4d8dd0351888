//! Where a checkout stands for whoever looks at its page.

use farebox_engine::payment::{Payment, State};
use farebox_store::billing::{Checkout, CheckoutState, Row};
use farebox_types::{Id, Merchant};

use super::{
    super::{desk::Desk, edge::Denial, redirect::PLACEHOLDER},
    name::named,
};
use crate::{collect, payments::Payments, refusal::Failure};

/// What to show.
pub(super) enum Standing {
    /// Done: the browser goes there.
    Done(String),
    /// To be paid; after a refusal, why.
    Open(Option<String>),
    /// The payer's bank asks: there.
    Bank(String),
    /// The payer pays in the provider's own script.
    Scripted(Box<Payment>),
    /// Nobody knows yet.
    Unknown,
    /// Too late. Whether money came all the same, and goes back.
    Over { goes_back: bool },
}

/// A checkout that somebody has the link of.
pub(super) struct Found {
    pub(super) tenant: Id<Merchant>,
    pub(super) row: Row<Checkout>,
}

pub(super) async fn found(desk: &Desk, name: &str) -> Result<Found, Denial> {
    let (tenant, id) = named(name).ok_or_else(|| Denial::not_found("checkout"))?;
    let row = desk.row::<Checkout>(tenant, id).await?.ok_or_else(|| Denial::not_found("checkout"))?;
    Ok(Found { tenant, row })
}

/// The service that takes the money.
pub(super) fn payments(desk: &Desk) -> Result<&Payments, Denial> {
    let none = || Denial::new(farebox_api::ProblemCode::Unavailable, "this server takes no payments");
    desk.settings.payments.as_ref().ok_or_else(none)
}

/// How it stands, after asking the provider where only the provider knows.
pub(super) async fn standing(desk: &Desk, found: &Found, name: &str) -> Result<Standing, Denial> {
    let checkout = &found.row.value;
    let attempt = desk.billing.attempt_of(found.tenant, checkout).await?;
    let attempt = match attempt {
        Some(row) if checkout.state == CheckoutState::Open => {
            Some(collect::come_back(payments(desk)?, row).await.map_err(denied)?)
        }
        other => other,
    };
    let paid = attempt.as_ref().is_some_and(|row| row.state.was_paid());
    match checkout.state {
        CheckoutState::Completed => return Ok(Standing::Done(goal(checkout, name))),
        CheckoutState::Expired => return Ok(Standing::Over { goes_back: paid }),
        CheckoutState::Open => {}
    }
    if paid {
        // Read again: what the provider said has just completed it, or found it over.
        return match desk.row::<Checkout>(found.tenant, checkout.id).await?.map(|row| row.value.state) {
            Some(CheckoutState::Completed) => Ok(Standing::Done(goal(checkout, name))),
            _ => Ok(Standing::Over { goes_back: true }),
        };
    }
    match attempt.as_ref().and_then(|row| waits(row, desk.settings.script.is_some())) {
        Some(standing) => Ok(standing),
        None if desk.now(found.tenant).await? >= checkout.expires_at => Ok(Standing::Over { goes_back: false }),
        None => Ok(Standing::Open(attempt.as_ref().and_then(why))),
    }
}

/// Where the browser goes once it is paid.
pub(super) fn goal(checkout: &Checkout, name: &str) -> String {
    checkout.success_url.as_deref().unwrap_or("/").replace(PLACEHOLDER, name)
}

/// What a payment that is under way waits for.
fn waits(row: &Payment, scripted: bool) -> Option<Standing> {
    if !row.state.is_open() {
        return None;
    }
    let action = row.details.action.as_ref().filter(|_| row.details.pending.is_none());
    let bank = action.and_then(|action| action.url.clone()).filter(|url| url.starts_with("http"));
    Some(match bank {
        Some(url) => Standing::Bank(url),
        None if scripted && action.is_some() => Standing::Scripted(Box::new(row.clone())),
        None => Standing::Unknown,
    })
}

/// Why the last attempt came to nothing, for the payer.
fn why(row: &Payment) -> Option<String> {
    match (row.state, &row.details.refusal) {
        (State::Failed, Some(refusal)) => {
            let code = refusal.decline_code.as_deref().unwrap_or(&refusal.code).replace('_', " ");
            Some(format!("The payment was declined ({code}). Nothing was charged; try again or choose another method."))
        }
        (State::Failed, None) => Some("The payment failed. Nothing was charged; you can try again.".to_owned()),
        _ => None,
    }
}

/// A refusal of the payments service, on a page.
pub(super) fn denied(failure: Failure) -> Denial {
    match failure {
        Failure::Refused(refusal) => Denial::new(farebox_api::ProblemCode::Invalid, refusal.to_string()),
        Failure::Broken(fault) => fault.into(),
    }
}
