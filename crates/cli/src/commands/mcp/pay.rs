//! A payment by an agent, or a refund: reserved in the budget, then asked for, once per operation name.

use std::time::Duration;

use farebox_types::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

use super::{
    api::{Caller, Trouble},
    budget::{Budget, Denied, Standing},
    tools::{NewPayment, NewRefund},
};

/// The service knows a key for a day; an outcome that is still open near its end is not asked for again.
const KEY_LIVES: Duration = Duration::from_secs(23 * 3_600);

/// Makes a payment; the value of an error is for the agent.
pub(super) async fn pay(api: &Caller, budget: Option<&Budget>, payment: &NewPayment) -> Result<Value, Value> {
    let budget = budget.ok_or_else(no_budget)?;
    let now = SystemClock.now();
    let body = json!(payment);
    let operation = payment.operation.as_str();
    let standing = budget.reserve(operation, &body.to_string(), &payment.currency, payment.amount_minor, now.seconds());
    let standing = standing.map_err(|denied| told(&denied))?;
    // Of what was asked for before, an answer that turns this request away says nothing.
    let first = standing == Standing::Reserved;
    match standing {
        Standing::Paid { payment_id } => return again(api, &payment_id).await,
        Standing::Open { at_seconds } if is_forgotten(at_seconds, now) => return Err(forgotten()),
        Standing::Open { .. } | Standing::Reserved => {}
    }
    match api.post("/payments", &format!("mcp:{operation}"), &body).await {
        Ok(answer) => Ok(settled(budget, operation, answer)),
        Err(trouble) => {
            if first && trouble.nothing_done() {
                note(budget.release(operation));
            }
            Err(trouble.told())
        }
    }
}

/// Pays back; the value of an error is for the agent. What is repeated is asked for again under the same key: it is answered as
/// it was then.
pub(super) async fn refund(api: &Caller, budget: Option<&Budget>, refund: &NewRefund) -> Result<Value, Value> {
    let budget = budget.ok_or_else(no_budget)?;
    // The budget is counted in the payment's own currency, whatever the agent thinks that is.
    let payment = api.get(&refund.path()).await.map_err(Trouble::told)?;
    let currency = payment["currency"].as_str().unwrap_or_default();
    let (now, body, operation) = (SystemClock.now(), json!(refund), refund.operation.as_str());
    let print = format!("{} {body}", refund.path());
    let standing = budget.reserve(operation, &print, currency, refund.amount_minor, now.seconds());
    let first = match standing.map_err(|denied| told(&denied))? {
        Standing::Open { at_seconds } if is_forgotten(at_seconds, now) => return Err(forgotten()),
        standing => standing == Standing::Reserved,
    };
    let answer = api.post(&format!("{}/refunds", refund.path()), &format!("mcp:{operation}"), &body).await;
    let nothing_done = match &answer {
        Ok(refund) => refund["status"] == "failed",
        Err(trouble) => first && trouble.nothing_done(),
    };
    if nothing_done {
        note(budget.release(operation));
    }
    answer.map_err(Trouble::told)
}

fn no_budget() -> Value {
    let message = "this server may only read: its owner can start it with --budget and --journal";
    json!({"error": "no_budget", "message": message})
}

fn is_forgotten(at_seconds: i64, now: Timestamp) -> bool {
    now.since(Timestamp::from_seconds(at_seconds)) > KEY_LIVES
}

fn forgotten() -> Value {
    let message = "the outcome of this operation was never known and can no longer be asked for: look at list_payments";
    json!({"error": "unknown", "message": message})
}

/// What the payment is now, for an operation that was made before.
async fn again(api: &Caller, payment_id: &str) -> Result<Value, Value> {
    api.get(&format!("/payments/{payment_id}")).await.map_err(Trouble::told)
}

/// Keeps what came of it. A payment that failed has cost nothing: the service says so once nobody can pay it any more.
fn settled(budget: &Budget, operation: &str, answer: Value) -> Value {
    let failed = matches!(answer["status"].as_str(), Some("failed" | "canceled"));
    let id = answer["id"].as_str().or_else(|| answer["payment_id"].as_str());
    match id {
        _ if failed => note(budget.release(operation)),
        Some(id) if plain(id) => note(budget.paid(operation, id)),
        _ => {}
    }
    answer
}

/// An id that can stand in a path.
fn plain(id: &str) -> bool {
    !id.is_empty() && id.len() <= 200 && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// The amount stays reserved when this cannot be written: that errs on the careful side.
fn note(written: Result<(), Denied>) {
    if let Err(error) = written {
        tracing::warn!("{error}");
    }
}

fn told(denied: &Denied) -> Value {
    let error = match denied {
        Denied::Over { .. } => "over_budget",
        Denied::Other => "operation_reused",
        Denied::Journal(_) => "journal",
    };
    json!({"error": error, "message": denied.to_string()})
}
