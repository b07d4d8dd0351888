//! `/checkout/{name}`: the simulated provider's page, in test mode. Whoever has the link may pay, as with a real one.

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use farebox_engine::ledger::Actor;
use farebox_store::{
    OperationKey,
    billing::{Ask, Checkout, CheckoutState, Plan, Row},
};
use farebox_types::{Id, Merchant};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    desk::Desk,
    edge::Denial,
    pages::{escaped, page as html},
    redirect::PLACEHOLDER,
};

const PREFIX: &str = "cs_test_";
const TITLE: &str = "Simulated checkout";

/// What a checkout is called outside: it says whose it is.
pub(super) fn name(tenant: Id<Merchant>, id: Uuid) -> String {
    format!("{PREFIX}{}{}", tenant.uuid().simple(), id.simple())
}

fn named(name: &str) -> Option<(Id<Merchant>, Uuid)> {
    let hex = name.strip_prefix(PREFIX).filter(|hex| hex.len() == 64 && hex.is_ascii())?;
    Some((Id::from_uuid(Uuid::try_parse(&hex[..32]).ok()?), Uuid::try_parse(&hex[32..]).ok()?))
}

async fn found(desk: &Desk, name: &str) -> Result<(Id<Merchant>, Row<Checkout>), Denial> {
    let (tenant, id) = named(name).ok_or_else(|| Denial::not_found("checkout"))?;
    let row = desk.row::<Checkout>(tenant, id).await?.filter(|row| row.value.provider == "sim");
    row.map(|row| (tenant, row)).ok_or_else(|| Denial::not_found("checkout"))
}

/// What is to be paid.
pub(super) async fn page(State(desk): State<Desk>, Path(name): Path<String>) -> Response {
    match shown(&desk, &name).await {
        Ok(body) => html(StatusCode::OK, TITLE, &body),
        Err(denial) => refused(&denial),
    }
}

async fn shown(desk: &Desk, name: &str) -> Result<String, Denial> {
    let (tenant, row) = found(desk, name).await?;
    let plan = desk.row::<Plan>(tenant, row.value.plan).await?.ok_or_else(|| Denial::not_found("plan"))?.value;
    if row.value.state != CheckoutState::Open || desk.now(tenant).await? >= row.value.expires_at {
        return Ok("<p role=\"status\">This checkout is over.</p>".to_owned());
    }
    let price = plan.prices.first().map(|price| format!("{} {} (minor units)", price.amount, price.currency));
    Ok(format!(
        "<p>No real money moves here.</p><p><strong>{}</strong>: {} each {:?}</p><form method=\"post\">\
         <button name=\"decision\" value=\"pay\">Pay</button><button name=\"decision\" value=\"leave\">Leave</button></form>",
        escaped(&plan.name),
        escaped(&price.unwrap_or_default()),
        plan.interval().unit
    ))
}

#[derive(Deserialize)]
pub(super) struct Decision {
    decision: String,
}

/// Pays, or leaves; either way back to the merchant. Paying twice is paying once.
pub(super) async fn act(State(desk): State<Desk>, Path(name): Path<String>, Form(form): Form<Decision>) -> Response {
    match acted(&desk, &name, form.decision == "pay").await {
        Ok(url) => Redirect::to(&url.replace(PLACEHOLDER, &name)).into_response(),
        Err(denial) => refused(&denial),
    }
}

async fn acted(desk: &Desk, name: &str, pay: bool) -> Result<String, Denial> {
    let (tenant, row) = found(desk, name).await?;
    if !pay {
        return Ok(row.value.cancel_url.unwrap_or_else(|| "/".to_owned()));
    }
    let operation = OperationKey { scope: "checkout".to_owned(), key: row.value.id.to_string() };
    let ask = Ask { tenant, operation, request_hash: [0; 32], actor: Actor::new("sim") };
    desk.billing.complete_checkout(&ask, row.value.id, |subscription| subscription.id.to_string()).await?;
    Ok(row.value.success_url.unwrap_or_else(|| "/".to_owned()))
}

fn refused(denial: &Denial) -> Response {
    let status = StatusCode::from_u16(denial.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    html(status, TITLE, &format!("<p role=\"alert\">{}</p>", escaped(&denial.detail)))
}
