//! From a token and an offer to a charge.

use farebox_engine::credits::Limit;
use farebox_store::{Delegation, DelegationState};
use farebox_types::{Address, Delegation as DelegationKind, Id, Merchant, Plan, PublicId, Quantity, Timestamp};
use farebox_x402::{AccessToken, header};

use super::{
    binding,
    call::Call,
    charge::{Charge, nonce_key},
};
use crate::{
    backend::Backend,
    credits::delegations::limits_of,
    keys::{self, Permission},
    refusal::{DelegationEnd, Failure, Refusal},
};

impl Backend {
    /// Checks a token against an offer: that it is ours, that it was minted for this, and what it permits. Writes nothing.
    ///
    /// `merchant` is who asks over HTTP: the plan must be theirs. A gate in this process speaks for the plan it offers.
    pub(super) async fn present(&self, call: &Call<'_>, merchant: Option<Id<Merchant>>) -> Result<Charge, Failure> {
        let token: AccessToken = header::decode(call.token.as_bytes()).map_err(Refusal::MalformedToken)?;
        let permission = self.keyring().check_access_token(&token).ok_or(Refusal::InvalidToken)?;
        let payer = token.payload.authorization.from.parse().map_err(|_| Refusal::InvalidToken)?;
        let offer = binding::accepted(&token, call.required)?;
        let plan: PublicId<Plan> = offer.plan_id.parse().map_err(|_| Refusal::NoPlan)?;
        if merchant.is_some_and(|merchant| merchant != plan.tenant) {
            return Err(Refusal::NoPlan.into());
        }
        binding::check(&token, offer, call.required)?;
        let plan = self.plan(plan).await?.ok_or(Refusal::NoPlan)?;

        let expired = (permission.expires_at <= self.now()).then_some(Refusal::InvalidToken);
        let (delegated, ended) = self.delegated(&permission, &plan, payer, call.amount).await?;
        let (agent, closed) = self.agent_behind(&token, offer, call.required, (plan.tenant, plan.id)).await?;
        let nonce = keys::nonce(&token).map(str::to_owned);
        let single_use = nonce.as_deref().map(|nonce| Limit::uses(nonce_key(nonce), 1));
        Ok(Charge {
            plan,
            payer,
            network: offer.network.clone(),
            requested: call.amount,
            nonce,
            limits: single_use.into_iter().chain(delegated).collect(),
            agent,
            standing: expired.or(ended).or(closed),
        })
    }

    /// The limits that the token's delegation sets, and why the delegation is not in force, or not for this plan's money.
    async fn delegated(
        &self,
        permission: &Permission,
        plan: &farebox_store::Plan,
        payer: Address,
        requested: Quantity,
    ) -> Result<(Vec<Limit>, Option<Refusal>), Failure> {
        let Some(id) = permission.delegation else { return Ok((Vec::new(), None)) };
        let id: PublicId<DelegationKind> = PublicId::new(plan.tenant, id);
        let row = self.delegation(id).await?.filter(|row| row.holder == payer);
        let Some(row) = row else { return Ok((Vec::new(), Some(Refusal::Delegation(DelegationEnd::Unknown)))) };
        if row.plan.is_some_and(|bound| bound != plan.id) {
            return Err(Refusal::DelegationPlan.into());
        }
        let (limits, unfit) = match limits_of(&row, plan, plan.rules.cost(requested)) {
            Ok(limits) => (limits, None),
            Err(end) => (Vec::new(), Some(end)),
        };
        Ok((limits, end_of(&row, self.now()).or(unfit).map(Refusal::Delegation)))
    }
}

/// Why a delegation is not in force, its uses apart.
pub(super) fn end_of(row: &Delegation, now: Timestamp) -> Option<DelegationEnd> {
    match row.state {
        DelegationState::Revoked => Some(DelegationEnd::Revoked),
        DelegationState::Active if row.expires_at <= now => Some(DelegationEnd::Expired),
        DelegationState::Active => None,
    }
}
