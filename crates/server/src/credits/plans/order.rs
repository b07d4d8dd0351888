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

/// Grants a free plan's credits to the caller's account; ordering again tops up. There is no body. Repeated with the same
/// `Idempotency-Key` it has its effect once. A trial is granted once, and every later order of it says so.
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
    // Looked up first: a grant that finds itself done may be this very one, repeated after a commit of unknown outcome.
    if trial && backend.store().transfer(caller.tenant, id).await?.is_some() {
        return Err(Refusal::TrialTaken.into());
    }
    let terms = plan.rules.grant(backend.now());
    backend.grant(caller, Granting { id, plan, to: caller.account, terms }).await
}
