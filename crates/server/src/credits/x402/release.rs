//! `POST /api/v1/x402/release`: gives a hold back.

use axum::{Json, extract::State};
use farebox_engine::ledger::{Actor, Command, Outcome, Refusal as LedgerRefusal};
use farebox_telemetry::server::RELEASE;
use farebox_x402::credits::{PaymentCall, ReleaseAnswer};

use super::{
    call::{Call, request_id},
    charge::{Charge, ChargeName},
};

use crate::{
    backend::Backend,
    http::{Body, Problem, Seller},
    refusal::{Failure, Refusal, impossible},
};

/// `released` is false when there was nothing to give back: no hold, one that was given back before, or a settled one.
#[tracing::instrument(name = RELEASE, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn release(
    State(backend): State<Backend>,
    Seller(caller): Seller,
    Body { value, .. }: Body<PaymentCall>,
) -> Result<Json<ReleaseAnswer>, Problem> {
    let call = Call::read(&value)?;
    let missing = || Refusal::field("agentRequestId", "verify's answer");
    let id = request_id(value.agent_request_id.as_deref().ok_or_else(missing)?)?;
    let charge = backend.present(&call, Some(caller.tenant)).await?;
    let released = backend.give_back(&charge, id.as_str(), &caller.actor).await?;
    Ok(Json(ReleaseAnswer { released }))
}

impl Backend {
    /// Gives a hold back; an expired token's too.
    pub(super) async fn give_back(&self, charge: &Charge, request_id: &str, actor: &Actor) -> Result<bool, Failure> {
        let operation = charge.operation(charge.id(ChargeName::Request(request_id)), actor)?;
        match self.decide(Command::Release(operation)).await? {
            Ok(Outcome::Released { replayed, .. }) => Ok(!replayed),
            Ok(other) => Err(impossible(format!("a release was answered {other:?}")).into()),
            Err(LedgerRefusal::Finished { .. }) => Ok(false),
            Err(refusal) => Err(self.explain(charge, refusal).await?.into()),
        }
    }
}
