//! A payment by an agent: reserved in the budget, then asked for, once per operation name.

use std::time::Duration;

use farebox_types::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

use super::{
    api::{Caller, Trouble},
    budget::{Budget, Denied, Standing},
    tools::NewPayment,
};

/// The service knows a key for a day; an outcome that is still open near its end is not asked for again.
const KEY_LIVES: Duration = Duration::from_secs(23 * 3_600);

/// Makes a payment; the value of an error is for the agent.
pub(super) async fn pay(api: &Caller, budget: Option<&Budget>, payment: &NewPayment) -> Result<Value, Value> {
    let Some(budget) = budget else {
        let message = "this server may only read: its owner can start it with --budget and --journal";
        return Err(json!({"error": "no_budget", "message": message}));
    };
    let now = SystemClock.now();
    let body = json!(payment);
    let operation = payment.operation.as_str();
    let standing = budget.reserve(operation, &body.to_string(), &payment.currency, payment.amount_minor, now.seconds());
    let standing = standing.map_err(|denied| told(&denied))?;
    // Of what was asked for before, an answer that turns this request away says nothing.
    let first = standing == Standing::Reserved;
    match standing {
        Standing::Paid { payment_id } => return again(api, &payment_id).await,
        Standing::Open { at_seconds } if now.since(Timestamp::from_seconds(at_seconds)) > KEY_LIVES => {
            let message =
                "the outcome of this operation was never known and can no longer be asked for: look at list_payments";
            return Err(json!({"error": "unknown", "message": message}));
        }
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

/// What the payment is now, for an operation that was made before.
async fn again(api: &Caller, payment_id: &str) -> Result<Value, Value> {
    api.get(&format!("/payments/{payment_id}")).await.map_err(Trouble::told)
}

/// Keeps what came of it. A payment that failed has cost nothing.
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
