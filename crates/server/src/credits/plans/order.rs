//! `POST /api/v1/protocol/plans/{plan}/order`.

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use farebox_engine::ledger::TransferId;
use farebox_store::{OperationKey, Plan, Record, Recorded};
use farebox_telemetry::server::PLAN_ORDER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{mint::Granting, price::Price, purchase};
use crate::{
    backend::Backend,
    credits::write::name_of,
    http::{Name, Problem, Segments},
    keys::Caller,
    refusal::{Failure, Refusal, impossible},
};

/// Grants a plan's credits to the caller's account; ordering again tops up. There is no body. A free plan's order that is
/// repeated with the same `Idempotency-Key` has its effect once. A trial is granted once: the key that ordered it gets the
/// same answer again, every other order is told so. A plan with a price in a known token answers 402 with an offer; the
/// payment that the repeated order brings in its header names that order.
#[tracing::instrument(name = PLAN_ORDER, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn order(
    State(backend): State<Backend>,
    caller: Caller,
    Name(key): Name,
    Segments(plan): Segments<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let plan = backend.own_plan(&caller, &plan).await?;
    if Price::of(&plan) != Price::Free {
        return Ok(purchase::purchase(&backend, &caller, &plan, &headers).await?);
    }
    let name = name_of(key.as_ref());
    Ok(Json(place(&backend, &caller, &plan, &name).await?).into_response())
}

async fn place(backend: &Backend, caller: &Caller, plan: &Plan, name: &str) -> Result<Value, Failure> {
    let id = if plan.rules.is_trial() {
        trial(backend, caller, plan, name).await?
    } else {
        TransferId::derive(caller.tenant, "order", &format!("{}/{name}", caller.account))
    };
    let terms = plan.rules.grant(backend.now());
    backend.grant(caller.actor.clone(), Granting { id, plan, to: caller.account, terms }).await
}

/// The account's one grant of a trial, if the order of this name may have it: the first, and whoever repeats it.
async fn trial(backend: &Backend, caller: &Caller, plan: &Plan, name: &str) -> Result<TransferId, Failure> {
    let owner = format!("{}/{}", plan.id, caller.account);
    let id = TransferId::derive(caller.tenant, "trial", &owner);
    let claim = Record {
        tenant: caller.tenant,
        operation: OperationKey { scope: "trial".to_owned(), key: owner },
        request_hash: Sha256::digest(name).into(),
        changes: Vec::new(),
        answer: json!({}).to_string(),
        actor: caller.actor.clone(),
        at: backend.now(),
    };
    let claimed = backend.store().record(claim).await?;
    let granted = backend.store().transfer(caller.tenant, id).await?.is_some();
    match (claimed, granted) {
        (Recorded::Replayed(_), _) | (Recorded::Fresh, false) => Ok(id),
        // Whoever claimed it never had it granted: an order that was cut short does not cost the account its trial.
        (Recorded::Conflict, false) => Ok(id),
        (Recorded::Fresh | Recorded::Conflict, true) => Err(Refusal::TrialTaken.into()),
        (Recorded::Taken, _) => Err(impossible("a trial's claim met a unique name").into()),
    }
}
