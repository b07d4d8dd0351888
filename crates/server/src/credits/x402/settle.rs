//! `POST /api/v1/x402/settle`: takes the credits, once per name.

use std::time::Duration;

use axum::{Json, extract::State};
use farebox_engine::{
    credits::Cost,
    ledger::{Actor, Command, Outcome, State as Stands, TransferId},
};
use farebox_telemetry::server::SETTLE;
use farebox_types::{IdempotencyKey, Quantity};
use farebox_x402::{Receipt, credits::PaymentCall};

use super::{
    call::{Call, request_id},
    charge::{Charge, ChargeName},
};

use crate::{
    backend::Backend,
    credits::shape::{quantity, transfer_hash},
    http::{Body, Name, Problem, Seller},
    refusal::{Failure, impossible},
};

/// So long after its hold has ended a charge is still finished for a payer who could not begin it any more: a gate that did
/// not know an outcome goes on asking for a while.
const LATE: Duration = Duration::from_secs(3_600);

/// Takes the credits that verify reserved, or takes them at once. The same `agentRequestId` (or, without one, the same
/// `Idempotency-Key`) is answered with the same receipt; without either, a version 3 token is spent by its first settle
/// and every later one says so.
#[tracing::instrument(name = SETTLE, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn settle(
    State(backend): State<Backend>,
    Seller(caller): Seller,
    Name(key): Name,
    Body { value, .. }: Body<PaymentCall>,
) -> Result<Json<Receipt>, Problem> {
    let call = Call::read(&value)?;
    let id = value.agent_request_id.as_deref().map(request_id).transpose()?;
    let name = match (&id, &key) {
        (Some(id), _) => ChargeName::Request(id.as_str()),
        (None, Some(key)) => ChargeName::Key(IdempotencyKey::as_str(key)),
        (None, None) => ChargeName::Unnamed,
    };
    let charge = backend.present(&call, Some(caller.tenant)).await?;
    Ok(Json(backend.post(&charge, name, &caller.actor).await?))
}

impl Backend {
    /// Makes a charge final, or answers as when it was.
    ///
    /// A charge that exists under this name was promised while its token was good: it is finished although the token has
    /// expired, or its delegation ended, since; but not long after its hold has.
    pub(super) async fn post(&self, charge: &Charge, name: ChargeName<'_>, actor: &Actor) -> Result<Receipt, Failure> {
        let id = charge.id(name);
        if let Some(refusal) = &charge.standing
            && !self.was_promised(charge, name, id).await?
        {
            return Err(refusal.clone().into());
        }
        match self.decide(Command::Post(charge.operation(id, actor)?)).await? {
            Ok(Outcome::Posted { amount, balance, .. }) => Ok(receipt(charge, id, amount, balance)),
            Ok(other) => Err(impossible(format!("a post was answered {other:?}")).into()),
            Err(refusal) => Err(self.explain(charge, refusal).await?.into()),
        }
    }

    async fn was_promised(&self, charge: &Charge, name: ChargeName<'_>, id: TransferId) -> Result<bool, Failure> {
        if matches!(name, ChargeName::Unnamed) {
            return Ok(false);
        }
        let transfer = self.store().transfer(charge.plan.tenant, id).await?;
        Ok(transfer.is_some_and(|transfer| match (transfer.state, transfer.expires_at) {
            (Stands::Held | Stands::Expired, Some(end)) => self.now() < end.after(LATE),
            _ => true,
        }))
    }
}

fn receipt(charge: &Charge, id: TransferId, amount: Quantity, balance: i64) -> Receipt {
    let redeemed = match charge.spend().cost() {
        Cost::Credits(_) => amount,
        Cost::Unmetered => Quantity::ZERO,
    };
    Receipt {
        success: true,
        payer: Some(charge.payer.to_string()),
        transaction: transfer_hash(id),
        network: charge.network.clone(),
        credits_redeemed: Some(redeemed.to_string()),
        remaining_balance: Some(quantity(balance).to_string()),
        ..Receipt::default()
    }
}
