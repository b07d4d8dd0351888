//! `POST /api/v1/protocol/plans/{plan}/order`.

use axum::{Json, extract::State};
use farebox_engine::ledger::TransferId;
use farebox_store::Plan;
use farebox_telemetry::server::PLAN_ORDER;
use serde_json::Value;

use super::{mint::Granting, view::is_free};
use crate::{
    backend::Backend,
    credits::write::name_of,
    http::{Name, Problem, Segments},
    keys::Caller,
    refusal::{Failure, Refusal},
};

/// Grants a free plan's credits to the caller's account; ordering again tops up, a trial is granted once. There is no body.
/// Repeated with the same `Idempotency-Key` it has its effect once.
#[tracing::instrument(name = PLAN_ORDER, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn order(
    State(backend): State<Backend>,
    caller: Caller,
    Name(key): Name,
    Segments(plan): Segments<String>,
) -> Result<Json<Value>, Problem> {
    let plan = backend.own_plan(&caller, &plan).await?;
    let name = name_of(key.as_ref());
    Ok(Json(place(&backend, &caller, &plan, &name).await?))
}

async fn place(backend: &Backend, caller: &Caller, plan: &Plan, name: &str) -> Result<Value, Failure> {
    if !is_free(plan) {
        return Err(Refusal::Priced.into());
    }
    let trial = plan.rules.is_trial();
    let id = if trial {
        TransferId::derive(caller.tenant, "trial", &format!("{}/{}", plan.id, caller.account))
    } else {
        TransferId::derive(caller.tenant, "order", &format!("{}/{name}", caller.account))
    };
    let terms = plan.rules.grant(backend.now());
    let granting = Granting { id, plan, to: caller.account, terms };
    let granted = backend.grant(caller, granting).await?;
    if trial && granted.replayed {
        return Err(Refusal::TrialTaken.into());
    }
    Ok(granted.answer)
}
