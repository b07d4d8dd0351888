//! `POST /api/v1/protocol/agents/simulate/start` and `…/finish`: a request as an agent will see it, without a payer.
//!
//! Nothing is stored and nothing moves.

use axum::Json;
use serde::Deserialize;
use serde_json::{Number, Value, json};
use uuid::Uuid;

use crate::{
    credits::plans::{NO_CONTRACT, checked_name},
    http::{Body, Problem, Seller},
    refusal::Refusal,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartRequest {
    price_per_credit: Option<Number>,
    batch: Option<bool>,
    agent_name: Option<String>,
    plan_name: Option<String>,
}

/// No plan and no agent has it.
const NOBODY: &str = "0";

/// What verify would say about an agent's request, with the caller as its payer.
pub(crate) async fn start(
    Seller(caller): Seller,
    Body { value, .. }: Body<StartRequest>,
) -> Result<Json<Value>, Problem> {
    let named = |name: &Option<String>, usual: &str| checked_name(name.as_deref().unwrap_or(usual));
    let batch = value.batch.unwrap_or(false);
    Ok(Json(json!({
        "agentRequestId": Uuid::now_v7().to_string(),
        "agentName": named(&value.agent_name, "Simulated agent")?,
        "agentId": NOBODY,
        "balance": {
            "planId": NOBODY,
            "planName": named(&value.plan_name, "Simulated plan")?,
            "planType": "credits",
            "holderAddress": caller.account.to_string(),
            "balance": 0,
            "creditsContract": NO_CONTRACT,
            "isSubscriber": true,
            "pricePerCredit": value.price_per_credit.unwrap_or_else(|| Number::from(0)),
            "batch": batch,
        },
        "urlMatching": "",
        "verbMatching": "",
        "batch": batch,
    })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FinishRequest {
    agent_request_id: String,
    margin_percent: Option<Number>,
    batch: Option<bool>,
}

/// What it would cost is what a model's bill would say, which nobody here sees: nothing is redeemed.
pub(crate) async fn finish(Seller(_): Seller, Body { value, .. }: Body<FinishRequest>) -> Result<Json<Value>, Problem> {
    let started = Uuid::try_parse(&value.agent_request_id).is_ok_and(|id| id.get_version_num() == 7);
    if !started {
        return Err(Refusal::field("agentRequestId", "the one that the simulation was started with").into());
    }
    Ok(Json(json!({
        "success": true,
        "creditsToRedeem": "0",
        "message": "a simulation: no credits were taken",
        "data": {
            "agentRequestId": value.agent_request_id,
            "creditsToRedeem": "0",
            "marginPercent": value.margin_percent,
            "batch": value.batch.unwrap_or(false),
        },
    })))
}
