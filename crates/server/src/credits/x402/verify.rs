//! `POST /api/v1/x402/verify`: would this payment go through? With a hold: it will.

use std::time::Duration;

use axum::{Json, extract::State};
use farebox_engine::ledger::{Actor, Command, Outcome};
use farebox_telemetry::server::VERIFY;
use farebox_types::{Address, Id, Merchant};
use farebox_x402::credits::{HoldRequest, PaymentCall, VerifyAnswer};
use serde_json::Value;
use uuid::Uuid;

use super::{
    call::Call,
    charge::{Charge, ChargeName},
};

use crate::{
    backend::Backend,
    http::{Body, Problem, Seller, code},
    refusal::{Failure, Refusal, impossible},
};

const MAX_HOLD: u32 = 86_400;

/// A payment that would go through, or is reserved.
pub(super) struct Verification {
    pub(super) request_id: String,
    pub(super) payer: Address,
    pub(super) network: String,
    pub(super) url_matching: Option<String>,
    pub(super) agent_request: Option<Value>,
}

/// A payment's own faults are answered 200 with `isValid: false`; what cannot be read, or is not the caller's, 4xx.
#[tracing::instrument(name = VERIFY, skip_all, fields(farebox.merchant = %caller.tenant, hold = value.hold.is_some()))]
pub(crate) async fn verify(
    State(backend): State<Backend>,
    Seller(caller): Seller,
    Body { value, .. }: Body<PaymentCall>,
) -> Result<Json<VerifyAnswer>, Problem> {
    let hold = value.hold.map(ttl).transpose()?;
    let call = Call::read(&value)?;
    match backend.check(&call, hold, Some(caller.tenant), &caller.actor).await {
        Ok(good) => Ok(Json(answer(good))),
        Err(Failure::Refused(refusal)) if refusal.is_verdict() => Ok(Json(VerifyAnswer {
            is_valid: false,
            invalid_reason: Some(refusal.to_string()),
            invalid_code: Some(code(&refusal).to_owned()),
            ..VerifyAnswer::default()
        })),
        Err(failure) => Err(failure.into()),
    }
}

fn ttl(hold: HoldRequest) -> Result<Duration, Refusal> {
    let good = (1..=MAX_HOLD).contains(&hold.ttl_seconds);
    let ttl = good.then(|| Duration::from_secs(u64::from(hold.ttl_seconds)));
    ttl.ok_or_else(|| Refusal::field("hold.ttlSeconds", "from 1 to 86400"))
}

fn answer(good: Verification) -> VerifyAnswer {
    VerifyAnswer {
        is_valid: true,
        invalid_reason: None,
        invalid_code: None,
        payer: Some(good.payer.to_string()),
        network: Some(good.network),
        agent_request_id: Some(good.request_id),
        url_matching: good.url_matching.map(Value::String),
        agent_request: good.agent_request,
    }
}

impl Backend {
    /// Verifies a payment under a fresh request id, and reserves it if `hold` is given and there is anything to reserve.
    pub(super) async fn check(
        &self,
        call: &Call<'_>,
        hold: Option<Duration>,
        merchant: Option<Id<Merchant>>,
        actor: &Actor,
    ) -> Result<Verification, Failure> {
        let charge = self.present(call, merchant).await?;
        if let Some(refusal) = charge.standing {
            return Err(refusal.into());
        }
        let request_id = Uuid::now_v7().to_string();
        let available = match hold {
            Some(ttl) if charge.spend().can_hold() => self.reserve(&charge, &request_id, ttl, actor).await?,
            _ => self.simulate(&charge).await?,
        };
        let agent = charge.agent.as_ref();
        Ok(Verification {
            agent_request: agent.map(|agent| agent.request(&request_id, &charge, available)),
            url_matching: agent.map(|agent| agent.url.clone()),
            payer: charge.payer,
            network: charge.network,
            request_id,
        })
    }

    async fn reserve(&self, charge: &Charge, request_id: &str, ttl: Duration, actor: &Actor) -> Result<i64, Failure> {
        let operation = charge.operation(charge.id(ChargeName::Request(request_id)), actor)?;
        let expires_at = self.now().after(ttl);
        match self.decide(Command::Hold { operation, expires_at }).await? {
            Ok(Outcome::Held { balance, .. }) => Ok(balance),
            Ok(other) => Err(impossible(format!("a hold was answered {other:?}")).into()),
            Err(refusal) => Err(self.explain(charge, refusal).await?.into()),
        }
    }

    /// Looks without reserving: what the payer has, or what the payment lacks.
    async fn simulate(&self, charge: &Charge) -> Result<i64, Failure> {
        if let Some(refusal) = self.used_up(charge).await? {
            return Err(refusal.into());
        }
        let account = self.store().account(&charge.spend().holder()).await?;
        let available = account.map_or(0, |account| account.available(self.now()));
        charge.lacking(available).map_or(Ok(available), |refusal| Err(refusal.into()))
    }
}
