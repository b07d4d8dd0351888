//! The page, and what its buttons do.

use axum::{
    Form,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use farebox_engine::ledger::Actor;
use farebox_store::{
    OperationKey,
    billing::{Ask, Checkout, CheckoutState, Plan},
};
use serde::Deserialize;

use super::{
    super::{
        desk::Desk,
        edge::Denial,
        pages::{escaped, page as html, page_with},
    },
    due::methods,
    form::Sale,
    script::{Brought, Script},
    standing::{Found, Standing, denied, found, goal, payments, standing},
};
use crate::collect::{self, Wanted};

const TITLE: &str = "Checkout";
/// Seconds until a page that waits looks again.
const LOOK_AGAIN: HeaderValue = HeaderValue::from_static("3");

/// What is to be paid, and how it stands. Whoever has paid is sent on.
pub(in crate::billing) async fn page(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    brought: Result<Query<Brought>, QueryRejection>,
) -> Response {
    let brought = brought.map(|Query(brought)| brought).unwrap_or_default();
    if brought.is_something() {
        // What is in the address is used once and does not stay there.
        return match brought.taken(&desk, &name).await {
            Ok(()) => Redirect::to(&format!("/checkout/{name}")).into_response(),
            Err(denial) => refused(&denial),
        };
    }
    match shown(&desk, &name).await {
        Ok(response) => response,
        Err(denial) => refused(&denial),
    }
}

async fn shown(desk: &Desk, name: &str) -> Result<Response, Denial> {
    let found = found(desk, name).await?;
    let standing = standing(desk, &found, name).await?;
    if let Standing::Done(url) = &standing {
        return Ok(Redirect::to(url).into_response());
    }
    let plan = plan(desk, &found).await?;
    let merchant = desk.store().merchant(found.tenant).await?.ok_or_else(|| Denial::not_found("checkout"))?;
    let provider = found.row.value.provider.as_str();
    let sale = Sale {
        checkout: &found.row.value,
        plan: &plan,
        methods: methods(provider, merchant.mode, desk.settings.script.is_some()),
        simulated: provider == "sim",
        script: desk.settings.script.as_ref().and_then(|page| Script::of(provider, page)),
    };
    let body = sale.body(&standing);
    let mut response = match (&standing, &sale.script) {
        (Standing::Scripted(_), Some(script)) => page_with(&script.policy(), TITLE, &body),
        _ => html(StatusCode::OK, TITLE, &body),
    };
    if matches!(standing, Standing::Unknown) {
        response.headers_mut().insert(header::REFRESH, LOOK_AGAIN);
    }
    Ok(response)
}

async fn plan(desk: &Desk, found: &Found) -> Result<Plan, Denial> {
    let row = desk.row::<Plan>(found.tenant, found.row.value.plan).await?;
    row.map(|row| row.value).ok_or_else(|| Denial::not_found("plan"))
}

/// A button.
#[derive(Deserialize)]
pub(in crate::billing) struct Decision {
    decision: String,
    #[serde(default)]
    method: String,
}

/// Pays, chooses another method, or leaves. Pressed twice, or in two browsers, it has one effect.
pub(in crate::billing) async fn act(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    Form(form): Form<Decision>,
) -> Response {
    match acted(&desk, &name, form).await {
        Ok(url) => Redirect::to(&url).into_response(),
        Err(denial) => refused(&denial),
    }
}

async fn acted(desk: &Desk, name: &str, form: Decision) -> Result<String, Denial> {
    let found = found(desk, name).await?;
    let checkout = &found.row.value;
    let here = format!("/checkout/{name}");
    match form.decision.as_str() {
        "leave" => return Ok(checkout.cancel_url.clone().unwrap_or_else(|| "/".to_owned())),
        "another" => {
            if let Some(row) = desk.billing.attempt_of(found.tenant, checkout).await? {
                collect::another_method(payments(desk)?, row).await.map_err(denied)?;
            }
            return Ok(here);
        }
        _ => {}
    }
    if checkout.state != CheckoutState::Open {
        return Ok(here);
    }
    if checkout.due.is_none() {
        return begun(desk, &found, (name, &form.method)).await;
    }
    paid(desk, &found, (name, form.method)).await.map(|url| url.unwrap_or(here))
}

/// Pays; where the browser goes then, if not back to the page.
async fn paid(desk: &Desk, found: &Found, (name, method): (&str, String)) -> Result<Option<String>, Denial> {
    let checkout = &found.row.value;
    let return_url = desk.settings.public_url.as_ref().map(|base| format!("{base}/checkout/{name}"));
    let description = plan(desk, found).await?.name;
    let description = description.chars().filter(|letter| !letter.is_control()).take(200).collect();
    let wanted = Wanted { tenant: found.tenant, method, return_url, description };
    let row = collect::attempt(payments(desk)?, checkout, wanted).await.map_err(denied)?;
    if row.state.was_paid() {
        return Ok(None);
    }
    let waits = row.details.pending.is_none() && row.state.is_open();
    let bank = row.details.action.filter(|_| waits).and_then(|action| action.url);
    Ok(bank.filter(|url| url.starts_with("https://") || url.starts_with("http://")))
}

/// Nothing is due yet: the method is kept for what is to come.
async fn begun(desk: &Desk, found: &Found, (name, method): (&str, &str)) -> Result<String, Denial> {
    let checkout: &Checkout = &found.row.value;
    let operation = OperationKey { scope: "checkout".to_owned(), key: checkout.id.to_string() };
    let ask = Ask { tenant: found.tenant, operation, request_hash: [0; 32], actor: Actor::new("checkout") };
    let method = Some(method).filter(|method| (1..=128).contains(&method.len()) && !method.contains(char::is_control));
    let method = method.ok_or_else(|| Denial::member("/method", "must be 1 to 128 visible characters"))?;
    let answer = |subscription: &farebox_store::billing::Subscription| subscription.id.to_string();
    desk.billing.complete_checkout(&ask, (checkout.id, Some(method)), answer).await?;
    Ok(goal(checkout, name))
}

fn refused(denial: &Denial) -> Response {
    let status = StatusCode::from_u16(denial.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
    html(status, TITLE, &format!("<p role=\"alert\">{}</p>", escaped(&denial.detail)))
}
