//! What a settled payment has bought: granted by the request that brought it, or else by the worker.

use std::{fmt, str::FromStr};

use farebox_engine::{
    ledger::{Actor, TransferId},
    settlement::{PaymentKey, Settlement},
};
use farebox_store::{Fault, Plan};
use farebox_types::{Address, Plan as PlanKind, PublicId};
use serde_json::Value;

use super::mint::Granting;
use crate::{
    backend::Backend,
    facilitator::Facilitating,
    refusal::{Failure, impossible},
};

/// Orders in one go.
const BATCH: u32 = 50;
const WORD: &str = "plan.order";

/// What a payment's intent says it pays for: one account's order of one plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ordered {
    pub(super) plan: PublicId<PlanKind>,
    pub(super) account: Address,
}

impl fmt::Display for Ordered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORD}/{}/{}", self.plan, self.account)
    }
}

impl FromStr for Ordered {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(WORD), Some(plan), Some(account), None) => {
                Ok(Self { plan: plan.parse().map_err(drop)?, account: account.parse().map_err(drop)? })
            }
            _ => Err(()),
        }
    }
}

/// A payment that has settled for an order.
pub(super) struct Paid<'a> {
    pub(super) backend: &'a Backend,
    pub(super) facilitating: &'a Facilitating,
    pub(super) key: PaymentKey,
}

impl Paid<'_> {
    /// Grants once, under the payment's own id, whoever asks and however often; then the payment owes nothing any more.
    pub(super) async fn grant(&self, plan: &Plan, to: Address, actor: Actor) -> Result<Value, Failure> {
        let terms = plan.rules.grant(self.backend.now());
        let granting = Granting { id: grant_id(plan, self.key), plan, to, terms };
        let answer = self.backend.grant(actor, granting).await?;
        let given = self.facilitating.store().given(self.facilitating.tenant(), self.key, self.backend.now()).await;
        if let Err(fault) = given {
            // The worker finds it granted, and says so.
            tracing::warn!(payment = %self.key, "that an order was granted could not be noted: {fault}");
        }
        Ok(answer)
    }
}

/// The grant of one payment.
pub(super) fn grant_id(plan: &Plan, key: PaymentKey) -> TransferId {
    TransferId::derive(plan.tenant, "order-paid", &key.to_string())
}

/// One batch of payments after `after` that have settled and whose buyers have not come back; where to go on, if anywhere.
/// One that cannot be granted now is met again the next time round, and keeps none of the others waiting.
pub(crate) async fn grant_owed(backend: &Backend, after: Option<PaymentKey>) -> Result<Option<PaymentKey>, Fault> {
    let Some(facilitating) = backend.facilitating() else { return Ok(None) };
    let owed = facilitating.store().owed(facilitating.tenant(), after, BATCH).await?;
    for one in &owed {
        if let Err(failure) = grant(backend, facilitating, one).await {
            tracing::warn!(payment = %one.key, "a paid order could not be granted, to be tried again: {failure:?}");
        }
    }
    let full = usize::try_from(BATCH).is_ok_and(|batch| owed.len() == batch);
    Ok(owed.last().map(|last| last.key).filter(|_| full))
}

async fn grant(backend: &Backend, facilitating: &Facilitating, one: &Settlement) -> Result<(), Failure> {
    let Some(Ok(order)) = one.pays_for.as_deref().map(Ordered::from_str) else {
        return Err(impossible("a payment pays for what is no order").into());
    };
    let plan = backend.plan(order.plan).await?.ok_or_else(|| impossible("an order's plan is not there"))?;
    let paid = Paid { backend, facilitating, key: one.key };
    paid.grant(&plan, order.account, Actor::new("worker")).await.map(drop)
}

#[cfg(test)]
mod tests {
    use farebox_types::Id;

    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_is_an_order() {
        let order =
            Ordered { plan: PublicId::new(Id::generate(), Id::generate()), account: Address::from_bytes([0xAB; 20]) };
        assert_eq!(order.to_string().parse(), Ok(order));
        for bad in ["", "plan.order", "plan.order/1/2", "other/1/2", &format!("{order}/x")] {
            assert_eq!(bad.parse::<Ordered>(), Err(()), "{bad}");
        }
    }
}
