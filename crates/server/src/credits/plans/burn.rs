//! `POST /api/v1/protocol/plans/burn`: the caller destroys credits of its own.

use axum::{Json, extract::State};
use farebox_engine::ledger::{AccountSpec, Command, Leg, Operation, Outcome, Refusal as LedgerRefusal, TransferId};
use farebox_store::Plan;
use farebox_telemetry::server::PLAN_BURN;
use farebox_types::Quantity;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    backend::Backend,
    credits::{
        number::Uint,
        shape::{quantity, transfer_hash, whole_credits},
        write::name_of,
    },
    http::{Body, Name, Problem},
    keys::Caller,
    refusal::{Failure, Refusal, impossible},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BurnRequest {
    plan_id: String,
    credits_amount: Uint,
}

/// Burned credits go back to where credits come from: nobody earned them.
#[tracing::instrument(name = PLAN_BURN, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn burn(
    State(backend): State<Backend>,
    caller: Caller,
    Name(key): Name,
    Body { value, .. }: Body<BurnRequest>,
) -> Result<Json<Value>, Problem> {
    let plan = backend.own_plan(&caller, &value.plan_id).await?;
    let amount = value.credits_amount.credits("creditsAmount")?;
    if amount.is_zero() {
        return Err(Refusal::number("creditsAmount", "above 0").into());
    }
    let name = name_of(key.as_ref());
    Ok(Json(take(&backend, &caller, &plan, amount, &name).await?))
}

async fn take(backend: &Backend, caller: &Caller, plan: &Plan, amount: Quantity, name: &str) -> Result<Value, Failure> {
    let id = TransferId::derive(caller.tenant, "burn", &format!("{}/{name}", caller.account));
    let holder = AccountSpec::holder(plan.tenant, plan.id, caller.account);
    let leg = Leg::charge(holder, AccountSpec::issuer(plan.tenant, plan.id), amount);
    let operation = leg.and_then(|leg| Operation::new(id, vec![leg], caller.actor.clone()));
    let operation = operation.map_err(|bad| impossible(format!("a burn cannot be made: {bad}")))?;
    match backend.decide(Command::Post(operation)).await? {
        Ok(Outcome::Posted { amount, balance, .. }) => Ok(json!({
            "success": true,
            "txHash": transfer_hash(id),
            "creditsBurned": amount.to_string(),
            "balance": whole_credits(balance),
        })),
        Err(LedgerRefusal::Insufficient { needed, available, .. }) => {
            Err(Refusal::Insufficient { needed: quantity(needed), available: quantity(available) }.into())
        }
        Err(LedgerRefusal::Conflict) => Err(Refusal::KeyReused.into()),
        Err(LedgerRefusal::Overflow) => Err(Refusal::Overflow.into()),
        other => Err(impossible(format!("a burn was answered {other:?}")).into()),
    }
}
