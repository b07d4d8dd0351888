//! `POST /api/v1/protocol/plans/mint` and `…/mintExpirable`: the owner grants credits.

use std::time::Duration;

use axum::{Json, extract::State};
use farebox_engine::{
    credits::GrantTerms,
    ledger::{AccountSpec, Actor, Command, Grant, Leg, Outcome, Refusal as LedgerRefusal, TransferId},
};
use farebox_store::{Plan, Role};
use farebox_telemetry::server::PLAN_MINT;
use farebox_types::{Address, IdempotencyKey, PublicId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    backend::Backend,
    credits::{
        number::Uint,
        shape::{transfer_hash, whole_credits},
        write::name_of,
    },
    http::{Body, Name, Problem},
    keys::Caller,
    refusal::{Failure, Refusal, impossible},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MintRequest {
    plan_id: String,
    amount: Uint,
    credits_receiver: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MintExpirableRequest {
    plan_id: String,
    credits_amount: Uint,
    credits_receiver: String,
    credits_duration: Option<Uint>,
}

/// Grants credits that last.
#[tracing::instrument(name = PLAN_MINT, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn mint(
    State(backend): State<Backend>,
    caller: Caller,
    Name(key): Name,
    Body { value, .. }: Body<MintRequest>,
) -> Result<Json<Value>, Problem> {
    let minting = Minting {
        plan: &value.plan_id,
        amount: (&value.amount, "amount"),
        receiver: &value.credits_receiver,
        lifetime: Duration::ZERO,
    };
    Ok(Json(minting.run(&backend, &caller, key.as_ref()).await?))
}

/// Grants credits with a lifetime of their own; 0 seconds means that they last.
#[tracing::instrument(name = PLAN_MINT, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn mint_expirable(
    State(backend): State<Backend>,
    caller: Caller,
    Name(key): Name,
    Body { value, .. }: Body<MintExpirableRequest>,
) -> Result<Json<Value>, Problem> {
    let seconds = value.credits_duration.as_ref().map(|duration| duration.seconds("creditsDuration"));
    let minting = Minting {
        plan: &value.plan_id,
        amount: (&value.credits_amount, "creditsAmount"),
        receiver: &value.credits_receiver,
        lifetime: seconds.transpose()?.unwrap_or_default(),
    };
    Ok(Json(minting.run(&backend, &caller, key.as_ref()).await?))
}

struct Minting<'a> {
    plan: &'a str,
    amount: (&'a Uint, &'static str),
    receiver: &'a str,
    lifetime: Duration,
}

impl Minting<'_> {
    async fn run(self, backend: &Backend, caller: &Caller, key: Option<&IdempotencyKey>) -> Result<Value, Failure> {
        let plan = backend.own_plan(caller, self.plan).await?;
        if caller.role != Role::Seller {
            return Err(Refusal::NotOwner.into());
        }
        let (amount, field) = self.amount;
        let amount = amount.credits(field)?;
        if amount.is_zero() {
            return Err(Refusal::number(field, "above 0").into());
        }
        let to = self.receiver.parse().map_err(|_| Refusal::field("creditsReceiver", "0x and 40 hex digits"))?;
        let expires_at = (!self.lifetime.is_zero()).then(|| backend.now().after(self.lifetime));
        let id = TransferId::derive(caller.tenant, "mint", &format!("{}/{}", caller.account, name_of(key)));
        let terms = GrantTerms { amount, expires_at };
        backend.grant(caller.actor.clone(), Granting { id, plan: &plan, to, terms }).await
    }
}

/// Credits of a plan for an account, under one id.
pub(super) struct Granting<'a> {
    pub(super) id: TransferId,
    pub(super) plan: &'a Plan,
    pub(super) to: Address,
    pub(super) terms: GrantTerms,
}

impl Backend {
    pub(super) async fn grant(&self, actor: Actor, granting: Granting<'_>) -> Result<Value, Failure> {
        let Granting { id, plan, to, terms } = granting;
        let issuer = AccountSpec::issuer(plan.tenant, plan.id);
        let leg = Leg::grant(issuer, AccountSpec::holder(plan.tenant, plan.id, to), terms.amount);
        let leg = leg.map_err(|bad| impossible(format!("a grant cannot be made: {bad}")))?;
        let grant = Grant { id, leg, priority: 0, expires_at: terms.expires_at, clock: None, actor };
        let balance = match self.decide(Command::Grant(grant)).await? {
            Ok(Outcome::Granted { balance, .. }) => balance,
            Ok(other) => return Err(impossible(format!("a grant was answered {other:?}")).into()),
            Err(LedgerRefusal::TooManyLots) => return Err(Refusal::TooManyLots.into()),
            Err(LedgerRefusal::Overflow) => return Err(Refusal::Overflow.into()),
            Err(LedgerRefusal::Conflict) => return Err(Refusal::KeyReused.into()),
            Err(other) => return Err(impossible(format!("a grant was refused: {other}")).into()),
        };
        Ok(json!({
            "success": true,
            "txHash": transfer_hash(id),
            "planId": PublicId::new(plan.tenant, plan.id).to_string(),
            "creditsGranted": terms.amount.to_string(),
            "balance": whole_credits(balance),
        }))
    }
}
