//! `GET /api/v1/protocol/plans/{plan}/balance/{holder}`: public.

use axum::{Json, extract::State};
use farebox_engine::ledger::AccountSpec;
use farebox_store::Plan;
use farebox_types::{Address, PublicId};
use serde_json::{Value, json};

use super::view::price_per_credit;
use crate::{
    backend::Backend,
    credits::shape::whole_credits,
    http::{Problem, Segments},
    refusal::Refusal,
};

/// There is no contract behind these credits.
pub(crate) const NO_CONTRACT: &str = "0x0000000000000000000000000000000000000000";

pub(crate) async fn balance(
    State(backend): State<Backend>,
    Segments((plan, holder)): Segments<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let holder: Address = holder.parse().map_err(|_| Refusal::field("holder", "0x and 40 hex digits"))?;
    let plan = backend.plan_named(&plan).await?;
    let account = backend.store().account(&AccountSpec::holder(plan.tenant, plan.id, holder)).await?;
    let available = account.map_or(0, |account| account.available(backend.now()));
    Ok(Json(balance_of(&plan, holder, available)))
}

/// The balance object, of which clients demand every member.
pub(crate) fn balance_of(plan: &Plan, holder: Address, available: i64) -> Value {
    json!({
        "planId": PublicId::new(plan.tenant, plan.id).to_string(),
        "planName": plan.name,
        "planType": plan.rules.access().as_str(),
        "holderAddress": holder.to_string(),
        "balance": whole_credits(available),
        "creditsContract": NO_CONTRACT,
        "isSubscriber": available > 0,
        "pricePerCredit": price_per_credit(plan),
        "batch": false,
    })
}
