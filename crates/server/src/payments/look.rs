//! Looking at a payment, and closing what has failed: a payment is over only when nobody can pay it any more.

use farebox_engine::payment::Payment;
use farebox_providers::{Cancel, Fault, Outcome, Provider, ProviderPayment, ProviderState, RefusalClass};

use super::{
    service::{our_id, whose},
    within,
};

/// How the payment stands there. One that has failed and could still be paid is closed first; until it is, nobody knows.
pub(super) async fn look(provider: &dyn Provider, row: &Payment) -> Result<Option<ProviderPayment>, Fault> {
    let looking = async {
        match provider.lookup(&whose(row)).await? {
            Some(seen) if seen.state == ProviderState::Failed && is_payable(provider, row) => {
                close(provider, row).await.map(|()| Some(seen))
            }
            other => Ok(other),
        }
    };
    within::look(provider, looking).await
}

/// The outcome of a call that may end the payment as failed.
pub(super) async fn closed(
    provider: &dyn Provider,
    row: &Payment,
    outcome: Outcome<ProviderPayment>,
) -> Outcome<ProviderPayment> {
    let ends = match &outcome {
        Outcome::Seen(seen) => seen.state == ProviderState::Failed,
        Outcome::Refused(refusal) => refusal.class == RefusalClass::Declined,
        Outcome::NotDone(_) | Outcome::Unknown(_) => false,
    };
    if !ends || !is_payable(provider, row) {
        return outcome;
    }
    match close(provider, row).await {
        Ok(()) => outcome,
        Err(fault) => Outcome::Unknown(fault),
    }
}

fn is_payable(provider: &dyn Provider, row: &Payment) -> bool {
    provider.capabilities().failed_is_payable && row.details.handed_out && row.state.is_open()
}

async fn close(provider: &dyn Provider, row: &Payment) -> Result<(), Fault> {
    // Closing twice does no harm, and a refusal of a moment ago must not be repeated from memory.
    let idempotency_key = format!("{}:close:{}:{}", our_id(row.tenant, row.id), row.trail.0, row.details.checks);
    match provider.cancel(&Cancel { whose: whose(row), idempotency_key }).await {
        Outcome::Seen(seen) if matches!(seen.state, ProviderState::Canceled | ProviderState::Failed) => Ok(()),
        Outcome::Seen(_) => Err(Fault::new(provider.name(), "a failed payment went on before it was closed")),
        Outcome::Refused(refusal) => {
            Err(Fault::new(provider.name(), format!("a failed payment cannot be closed: {}", refusal.code)))
        }
        Outcome::NotDone(fault) | Outcome::Unknown(fault) => Err(fault),
    }
}
