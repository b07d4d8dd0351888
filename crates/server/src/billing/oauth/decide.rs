//! `/device`: where somebody with a token lets a device in, or turns it away.

use axum::{
    Form,
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use farebox_store::{
    OperationKey,
    billing::{BillingWrite, Committed, DeviceCode, DeviceState, Put, Row},
};
use farebox_types::Secret;
use serde::Deserialize;

use super::{
    super::{
        desk::Desk,
        edge::Denial,
        pages::{escaped, page as html},
    },
    code, nobody,
};
use crate::keys::{Scope, Scopes};

#[derive(Deserialize)]
pub(in crate::billing) struct Asked {
    code: Option<String>,
}

/// The form, and above it who asks for what: whoever decides should know.
pub(in crate::billing) async fn page(State(desk): State<Desk>, Query(asked): Query<Asked>) -> Response {
    let code = asked.code.unwrap_or_default();
    match open(&desk, &code).await {
        Ok(row) => {
            let asking = row.map(|row| asking(&row.value)).unwrap_or_default();
            html(StatusCode::OK, "Let a device in", &format!("{asking}{}", form(&code, "")))
        }
        Err(denial) => {
            let status = StatusCode::from_u16(denial.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            html(status, "Let a device in", &form(&code, &denial.detail))
        }
    }
}

fn asking(code: &DeviceCode) -> String {
    format!(
        "<p><strong>{}</strong> asks for a token with these scopes: <code>{}</code>. Let it in only if you started this \
         yourself, and it shows the code below.</p>",
        escaped(&code.client),
        escaped(&code.scopes)
    )
}

/// What was typed, if it waits for somebody to decide.
async fn open(desk: &Desk, typed: &str) -> Result<Option<Row<DeviceCode>>, Denial> {
    let Some(code) = code::normalised(typed) else { return Ok(None) };
    let row = desk.named::<DeviceCode>(nobody(), &format!("user:{code}")).await?;
    let now = desk.backend.now();
    Ok(row.filter(|row| row.value.state == DeviceState::Pending && now < row.value.expires_at))
}

/// What the form sends. No `Debug`: it holds a token.
#[derive(Deserialize)]
pub(in crate::billing) struct Decision {
    code: String,
    token: String,
    decision: String,
}

/// The token is whoever decides: without one that may do everything, nothing is decided.
pub(in crate::billing) async fn decide(State(desk): State<Desk>, Form(decision): Form<Decision>) -> Response {
    let Decision { code, token, decision } = decision;
    let said = decided(&desk, &code, &Secret::new(token), &decision).await;
    match said {
        Ok(text) => html(StatusCode::OK, "Let a device in", &format!("<p role=\"status\">{}</p>", escaped(text))),
        Err(denial) => {
            let status = StatusCode::from_u16(denial.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
            html(status, "Let a device in", &form(&code, &denial.detail))
        }
    }
}

async fn decided(desk: &Desk, typed: &str, token: &Secret, decision: &str) -> Result<&'static str, Denial> {
    let token = desk.backend.token_in_force(token.expose().trim()).await?;
    let token =
        token.ok_or_else(|| Denial::new(farebox_api::ProblemCode::Unauthenticated, "this token is not valid"))?;
    let row = open(desk, typed).await?.ok_or_else(|| Denial::not_found("code, or it is too late for it"))?;
    let held = Scopes::read(&token.scopes);
    let wanted = Scopes::read(&row.value.scopes);
    // Nobody gives more than they have, and only who may make tokens lets a device have one.
    if !held.allow(Scope::BillingAdmin) || !held.allow_all(&wanted) {
        let detail = "this token may not give what the device asks for";
        return Err(Denial::new(farebox_api::ProblemCode::Forbidden, detail));
    }
    let approved = decision == "approve";
    let value = DeviceCode {
        state: if approved { DeviceState::Approved } else { DeviceState::Denied },
        approved_by: approved.then(|| format!("{} {wanted}", token.tenant)),
        ..row.value.clone()
    };
    let write = BillingWrite {
        tenant: nobody(),
        operation: OperationKey { scope: "v1".to_owned(), key: format!("device:{}:{}", value.id, row.revision) },
        request_hash: [0; 32],
        puts: vec![Put::update(&row.with(value), "device_code_decided")?.0],
        commands: Vec::new(),
        answer: String::new(),
        actor: farebox_engine::ledger::Actor::new(token.id.to_string()),
        at: desk.backend.now(),
    };
    match desk.store().bill(write).await? {
        Committed::Fresh(_) if approved => Ok("The device is let in. You can close this page."),
        Committed::Fresh(_) => Ok("The device is turned away."),
        // A poll came in between.
        _ => {
            Err(Denial::new(farebox_api::ProblemCode::PreconditionFailed, "the device was just asking: try once more"))
        }
    }
}

fn form(code: &str, error: &str) -> String {
    let alert = if error.is_empty() { String::new() } else { format!("<p role=\"alert\">{}</p>", escaped(error)) };
    format!(
        "{alert}<form method=\"post\" action=\"/device\">\
         <label>The code that the device shows <input name=\"code\" value=\"{}\" required autocomplete=\"off\"></label>\
         <label>A token that may make tokens <input name=\"token\" type=\"password\" required autocomplete=\"off\"></label>\
         <button name=\"decision\" value=\"approve\">Let it in</button>\
         <button name=\"decision\" value=\"deny\">Turn it away</button></form>",
        escaped(code)
    )
}
