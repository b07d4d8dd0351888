//! Finds out what nobody said: asks the provider first, then repeats the same call under the same key.

use std::time::Duration;

use farebox_engine::payment::{Answer, Command, Payment, ProviderEvent, Refund, RefundState, Word};
use farebox_store::Fault;

use super::{
    Payments, drive,
    service::{read_our_id, whose, worker},
};
use crate::refusal::impossible;

/// Tries of an event that is about nothing of ours yet.
const TRIES: u32 = 6;

/// Asks after a payment that is not over, or whose call was left without an answer.
pub(super) async fn payment(payments: &Payments, row: Payment) -> Result<(), Fault> {
    let provider = payments.rail_of(&row)?;
    let row = match provider.lookup(&whose(&row)).await {
        Ok(Some(seen)) => {
            let word = drive::seen_word(seen, false);
            drive::observe(payments, &row, word, None, None, worker()).await?.0
        }
        Ok(None) => row,
        Err(fault) => {
            tracing::warn!(error = %fault, payment = %row.id, "a payment cannot be looked up yet");
            drive::observe(payments, &row, Word::Silent, None, None, worker()).await?;
            return Ok(());
        }
    };
    match row.details.pending.clone() {
        Some(call) => drive::make(payments, &row, &call, None, worker()).await.map(drop),
        None => Ok(()),
    }
}

/// Asks after a refund, and repeats it if the provider has never heard of it.
pub(super) async fn refund(payments: &Payments, refund: Refund) -> Result<(), Fault> {
    let gone = || impossible("a refund names a payment that is not there");
    let row = payments.store().payment(refund.tenant, refund.payment).await?.ok_or_else(gone)?;
    let provider = payments.rail_of(&row)?;
    match provider.lookup_refund(&whose(&row), &refund.id.to_string()).await {
        Ok(Some(seen)) => {
            let word = drive::refund_word(&refund, &seen);
            drive::observe(payments, &row, word, None, None, worker()).await.map(drop)
        }
        Ok(None) => drive::give_back(payments, &row, &refund, None, worker()).await.map(drop),
        Err(_) => {
            let word = Word::RefundSilent(refund.id);
            drive::observe(payments, &row, word, None, None, worker()).await.map(drop)
        }
    }
}

/// Applies an event: looks at what it is about, and writes what is seen with the event's end in one commit.
pub(super) async fn event(payments: &Payments, event: ProviderEvent) -> Result<(), Fault> {
    let Some(row) = about(payments, &event).await? else {
        let wait = Duration::from_secs(2_u64 << event.tries.min(8));
        let next_try = (event.tries < TRIES).then(|| payments.now().after(wait));
        return shelve(payments, event, next_try).await;
    };
    let provider = payments.rail_of(&row)?;
    let Ok(Some(seen)) = provider.lookup(&whose(&row)).await else {
        let next_try = Some(payments.now().after(Duration::from_secs(5)));
        return shelve(payments, event, next_try).await;
    };
    let pending = refunds_under_way(payments, &row).await?;
    let waits = !pending.is_empty();
    for back in pending {
        refund(payments, back).await?;
    }
    let actor = farebox_engine::ledger::Actor::new(format!("provider:{}", event.key.provider));
    let word = drive::seen_word(seen, false);
    if waits && !refunds_under_way(payments, &row).await?.is_empty() {
        // What was paid back there cannot be told from ours yet: the event is looked at again.
        drive::observe(payments, &row, word, None, None, actor).await?;
        let next_try = Some(payments.now().after(Duration::from_secs(30)));
        return shelve(payments, event, next_try).await;
    }
    drive::observe(payments, &row, word, None, Some(event.key), actor).await.map(drop)
}

async fn refunds_under_way(payments: &Payments, row: &Payment) -> Result<Vec<Refund>, Fault> {
    let mut refunds = payments.store().refunds(row.tenant, row.id).await?;
    refunds.retain(|back| back.state == RefundState::Pending);
    Ok(refunds)
}

async fn shelve(
    payments: &Payments,
    event: ProviderEvent,
    next_try: Option<farebox_types::Timestamp>,
) -> Result<(), Fault> {
    match payments.pay(Command::Shelve { key: event.key, next_try }).await? {
        Answer::Event { .. } | Answer::NoSuch => Ok(()),
        other => Err(impossible(format!("an event was put aside and answered {other:?}"))),
    }
}

/// The payment: by our own id, else by the provider's, at the merchant it was filed under and then at the others.
async fn about(payments: &Payments, event: &ProviderEvent) -> Result<Option<Payment>, Fault> {
    let store = payments.store();
    if let Some((tenant, id)) = event.our_id.as_deref().and_then(read_our_id) {
        return store.payment(tenant, id).await;
    }
    let Some(provider_id) = &event.provider_id else { return Ok(None) };
    let same = |row: &Payment| row.provider == event.key.provider;
    if let Some(row) = store.payment_at(event.key.tenant, provider_id).await?.filter(same) {
        return Ok(Some(row));
    }
    for merchant in store.merchants().await? {
        if let Some(row) = store.payment_at(merchant.id, provider_id).await?.filter(same) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}
