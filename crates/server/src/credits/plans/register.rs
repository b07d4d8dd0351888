//! `POST /api/v1/protocol/plans`.

use axum::{Json, extract::State};
use farebox_engine::credits::{Access, PlanRules};
use farebox_store::{Change, Plan};
use farebox_telemetry::server::PLAN_REGISTER;
use farebox_types::{Id, IdempotencyKey, PublicId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    backend::Backend,
    credits::{
        number::Uint,
        shape::registration_hash,
        write::{Write, name_of},
    },
    http::{Body, Name, Problem, Seller},
    keys::Caller,
    refusal::{Failure, Refusal},
};

/// The members that mean something here; the whole object is kept as it came.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanRequest {
    metadata_attributes: Metadata,
    price_config: PriceConfig,
    credits_config: CreditsConfig,
    nonce: Option<Uint>,
    is_trial_plan: Option<bool>,
    access_limit: Option<AccessLimit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    is_trial_plan: Option<bool>,
}

#[derive(Deserialize)]
struct PriceConfig {
    #[serde(default)]
    amounts: Vec<Uint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreditsConfig {
    #[serde(default)]
    is_redemption_amount_fixed: bool,
    onchain_mirror: Option<bool>,
    duration_secs: Uint,
    amount: Uint,
    min_amount: Uint,
    max_amount: Uint,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "camelCase")]
enum AccessLimit {
    Credits,
    Time,
}

/// Registers a plan of the caller's merchant. Repeating it with the same `Idempotency-Key`, or else the same `nonce`,
/// answers with the same plan.
#[tracing::instrument(name = PLAN_REGISTER, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn register(
    State(backend): State<Backend>,
    Seller(caller): Seller,
    Name(key): Name,
    Body { value, raw }: Body<PlanRequest>,
) -> Result<Json<Value>, Problem> {
    let name = value.name(key.as_ref())?;
    let plan = prepare(&backend, &caller, &value, &raw)?;
    let id = PublicId::new(plan.tenant, plan.id);
    let hash = registration_hash(id);
    let answer = json!({"success": true, "planId": id.to_string(), "txHash": hash, "data": {"planId": id.to_string()}});
    let write = Write { verb: "plan.register", name, request: &raw, changes: vec![Change::Plan(plan)], answer };
    Ok(Json(backend.write(&caller, write).await?))
}

/// The row to store for a request whose JSON is `document`.
pub(crate) fn prepare(
    backend: &Backend,
    caller: &Caller,
    request: &PlanRequest,
    document: &[u8],
) -> Result<Plan, Failure> {
    let document: Value = serde_json::from_slice(document).map_err(|error| Refusal::BadBody(error.to_string()))?;
    request.check_price()?;
    Ok(Plan {
        tenant: caller.tenant,
        id: Id::generate(),
        name: checked_name(&request.metadata_attributes.name)?,
        rules: request.rules()?,
        document: document.to_string(),
        created_at: backend.now(),
    })
}

/// 1 to 200 characters that can be shown.
pub(crate) fn checked_name(name: &str) -> Result<String, Refusal> {
    let good = !name.trim().is_empty() && name.chars().count() <= 200 && !name.chars().any(char::is_control);
    let rule = "1 to 200 characters without control characters";
    if good { Ok(name.to_owned()) } else { Err(Refusal::field("metadataAttributes.name", rule)) }
}

impl PlanRequest {
    fn name(&self, key: Option<&IdempotencyKey>) -> Result<String, Refusal> {
        match (key, &self.nonce) {
            (None, Some(nonce)) => Ok(format!("nonce:{}", nonce.opaque("nonce")?)),
            (key, _) => Ok(name_of(key)),
        }
    }

    fn check_price(&self) -> Result<(), Refusal> {
        let mut total = 0_u128;
        for (index, amount) in self.price_config.amounts.iter().enumerate() {
            let field = format!("priceConfig.amounts[{index}]");
            let sum = total.checked_add(amount.amount(field.clone())?);
            total = sum.ok_or_else(|| Refusal::number(field, "part of a sum below 2^128"))?;
        }
        Ok(())
    }

    fn rules(&self) -> Result<PlanRules, Refusal> {
        let config = &self.credits_config;
        if config.onchain_mirror == Some(true) {
            return Err(Refusal::Unsupported { what: "creditsConfig.onchainMirror" });
        }
        let lifetime = config.duration_secs.seconds("creditsConfig.durationSecs")?;
        let range = (
            config.min_amount.credits("creditsConfig.minAmount")?,
            config.max_amount.credits("creditsConfig.maxAmount")?,
        );
        let access = match self.access_limit {
            Some(AccessLimit::Credits) => Access::Credits,
            Some(AccessLimit::Time) => Access::Time,
            None if lifetime.is_zero() => Access::Credits,
            None => Access::Time,
        };
        let trial = self.is_trial_plan.unwrap_or(false) || self.metadata_attributes.is_trial_plan.unwrap_or(false);
        let granted = config.amount.credits("creditsConfig.amount")?;
        PlanRules::new(access, config.is_redemption_amount_fixed, granted, range, Some(lifetime), trial)
            .map_err(Refusal::BadRules)
    }
}
