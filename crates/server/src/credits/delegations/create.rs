//! `POST /api/v1/delegation/create`.

use std::time::Duration;

use axum::{Json, extract::State};
use farebox_engine::ledger::{AccountSpec, Command, Leg, Operation, Outcome, Refusal as LedgerRefusal, TransferId};
use farebox_store::{Change, Delegation, DelegationState};
use farebox_telemetry::server::DELEGATION_CREATE;
use farebox_types::{Delegation as DelegationKind, Id, IdempotencyKey, Quantity, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    backend::Backend,
    credits::{
        number::Uint,
        write::{Write, name_of},
    },
    http::{Body, Name, Problem},
    keys::Caller,
    refusal::{Failure, Refusal, impossible},
};

/// The members that mean something here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DelegationRequest {
    provider: Option<String>,
    spending_limit_cents: Uint,
    duration_secs: Uint,
    currency: String,
    plan_id: Option<String>,
    max_transactions: Option<u32>,
}

/// Credits need no card: the only provider here.
pub(super) const PROVIDER: &str = "erc4337";
const MAX_LIFETIME: Duration = Duration::from_secs(10 * 31_557_600);
/// Delegations that one account may have in force at once.
const MAX_IN_FORCE: u32 = 1_000;

/// Creates a delegation of the caller's own account.
#[tracing::instrument(name = DELEGATION_CREATE, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn create(
    State(backend): State<Backend>,
    caller: Caller,
    Name(key): Name,
    Body { value, raw }: Body<DelegationRequest>,
) -> Result<Json<Value>, Problem> {
    let id = open(&backend, &caller, &value, &raw, key.as_ref()).await?;
    Ok(Json(json!({"delegationId": id.uuid().to_string()})))
}

/// Stores a delegation, or finds the one that was stored under the same name.
pub(crate) async fn open(
    backend: &Backend,
    caller: &Caller,
    request: &DelegationRequest,
    raw: &[u8],
    key: Option<&IdempotencyKey>,
) -> Result<Id<DelegationKind>, Failure> {
    let row = row(backend, caller, request).await?;
    let name = name_of(key);
    take_place(backend, caller, &name, row.expires_at).await?;
    let answer = json!({"delegationId": row.id.uuid().to_string()});
    let changes = vec![Change::Delegation(row)];
    let write = Write { verb: "delegation.create", name, request: raw, changes, answer };
    let answer = backend.write(caller, write).await?;
    let id = answer["delegationId"].as_str().and_then(|id| Uuid::try_parse(id).ok());
    Ok(id.map(Id::from_uuid).ok_or_else(|| impossible("a recorded delegation has no id"))?)
}

/// Takes one of the account's places for a delegation: a hold that ends when the delegation does.
async fn take_place(backend: &Backend, caller: &Caller, name: &str, expires_at: Timestamp) -> Result<(), Failure> {
    let places = AccountSpec::limit(caller.tenant, &format!("delegations:{}", caller.account), MAX_IN_FORCE);
    let leg = Leg::charge(places, AccountSpec::used(caller.tenant), Quantity::ONE);
    let id = TransferId::derive(caller.tenant, "delegation", &format!("{}/{name}", caller.account));
    let operation = leg.and_then(|leg| Operation::new(id, vec![leg], caller.actor.clone()));
    let operation = operation.map_err(|bad| impossible(format!("a place cannot be held: {bad}")))?;
    match backend.decide(Command::Hold { operation, expires_at }).await? {
        Ok(Outcome::Held { .. }) => Ok(()),
        // The delegation of this name has come and gone; whoever repeats its name gets its answer.
        Err(LedgerRefusal::Finished { .. }) => Ok(()),
        Err(LedgerRefusal::Insufficient { .. }) => Err(Refusal::TooManyDelegations { most: MAX_IN_FORCE }.into()),
        other => Err(impossible(format!("a place for a delegation was answered {other:?}")).into()),
    }
}

async fn row(backend: &Backend, caller: &Caller, request: &DelegationRequest) -> Result<Delegation, Failure> {
    if request.provider.as_deref().is_some_and(|provider| provider != PROVIDER) {
        return Err(Refusal::Unsupported { what: "a provider other than erc4337" }.into());
    }
    let lifetime = request.duration_secs.seconds("durationSecs")?;
    if lifetime.is_zero() || lifetime > MAX_LIFETIME {
        return Err(Refusal::number("durationSecs", "from 1 to 315576000").into());
    }
    if request.max_transactions == Some(0) {
        return Err(Refusal::number("maxTransactions", "at least 1").into());
    }
    if !["usd", "eur", "usdc", "eurc"].contains(&request.currency.as_str()) {
        return Err(Refusal::field("currency", "usd, eur, usdc or eurc").into());
    }
    let plan = match &request.plan_id {
        Some(plan) => Some(backend.own_plan(caller, plan).await?.id),
        None => None,
    };
    let now = backend.now();
    let document = json!({
        "provider": PROVIDER,
        "spendingLimitCents": cents(&request.spending_limit_cents)?,
        "durationSecs": lifetime.as_secs(),
        "currency": request.currency,
    });
    Ok(Delegation {
        tenant: caller.tenant,
        id: Id::generate(),
        holder: caller.account,
        plan,
        max_uses: request.max_transactions,
        state: DelegationState::Active,
        document: document.to_string(),
        created_at: now,
        expires_at: now.after(lifetime),
    })
}

fn cents(limit: &Uint) -> Result<u64, Refusal> {
    let cents = u64::try_from(limit.amount("spendingLimitCents")?).ok();
    cents.ok_or_else(|| Refusal::number("spendingLimitCents", "a decimal integer below 2^64"))
}
