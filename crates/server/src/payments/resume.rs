//! Finds out what nobody said: asks the provider first, then repeats the same call under the same key.

use farebox_engine::payment::{
    ABANDONED, Answer, Ask, Command, Payment, ProviderEvent, Refund, RefundState, State, Word,
};
use farebox_providers::RefundState as ProviderRefundState;
use farebox_store::Fault;

use super::{
    Payments, drive,
    look::look,
    service::{read_our_id, whose, worker},
    within,
};
use crate::refusal::impossible;

/// Tries of an event that is about nothing of ours yet, or that nobody has signed.
const TRIES: u32 = 6;
/// Tries of one whose payment the provider cannot show: more than a day.
const PATIENT_TRIES: u32 = 64;

/// Asks after a payment that is not over, or whose call was left without an answer.
pub(super) async fn payment(payments: &Payments, row: Payment) -> Result<(), Fault> {
    let provider = payments.rail_of(&row)?;
    let row = match look(&*provider, &row).await {
        Ok(Some(seen)) => {
            let word = drive::seen_word(seen, None);
            drive::observe(payments, &row, word, None, None, worker()).await?.0
        }
        // The call has not arrived, or its payer has not begun.
        Ok(None) if row.details.pending.is_some() => row,
        Ok(None) => drive::observe(payments, &row, Word::Silent(None), None, None, worker()).await?.0,
        Err(fault) => {
            tracing::warn!(error = %fault, payment = %row.id, "a payment cannot be looked up yet");
            drive::observe(payments, &row, Word::Silent(None), None, None, worker()).await?;
            return Ok(());
        }
    };
    match row.details.pending.clone() {
        Some(call) => drive::make(payments, &row, &call, None, worker()).await.map(drop),
        None if is_abandoned(payments, &row) => give_up(payments, &row).await,
        None => Ok(()),
    }
}

/// Nobody can pay it any more then, so there is an end to asking.
fn is_abandoned(payments: &Payments, row: &Payment) -> bool {
    row.state == State::RequiresAction && row.created_at.after(ABANDONED) <= payments.now()
}

async fn give_up(payments: &Payments, row: &Payment) -> Result<(), Fault> {
    let (tenant, payment) = (row.tenant, row.id);
    let command = Command::Ask { tenant, payment, ask: Ask::Cancel, request: None, actor: worker() };
    let Answer::Done { payment, .. } = payments.pay(command).await? else { return Ok(()) };
    match payment.details.pending.clone() {
        Some(call) => drive::make(payments, &payment, &call, None, worker()).await.map(drop),
        None => Ok(()),
    }
}

/// Asks after a refund, and repeats it if the provider has never heard of it.
pub(super) async fn refund(payments: &Payments, refund: Refund) -> Result<(), Fault> {
    let gone = || impossible("a refund names a payment that is not there");
    let row = payments.store().payment(refund.tenant, refund.payment).await?.ok_or_else(gone)?;
    let provider = payments.rail_of(&row)?;
    match within::look(&*provider, provider.lookup_refund(&whose(&row), &refund.id.to_string())).await {
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
    let Some(row) = about(payments, &event).await? else { return later(payments, event, TRIES).await };
    let provider = payments.rail_of(&row)?;
    let patience = if provider.capabilities().signed_webhooks { PATIENT_TRIES } else { TRIES };
    let Ok(Some(seen)) = look(&*provider, &row).await else {
        return later(payments, event, patience).await;
    };
    let pending = refunds_under_way(payments, &row).await?;
    let waits = !pending.is_empty();
    for back in pending {
        refund(payments, back).await?;
    }
    let doubtful = is_about_refunds(&event.kind) || seen.refunded_minor.is_some_and(|total| total < row.refunded);
    if doubtful && !came_back(payments, &row).await? {
        return later(payments, event, patience).await;
    }
    let actor = farebox_engine::ledger::Actor::new(format!("provider:{}", event.key.provider));
    let word = drive::seen_word(seen, None);
    if waits && !refunds_under_way(payments, &row).await?.is_empty() {
        // What was paid back there cannot be told from ours yet: the event is looked at again.
        drive::observe(payments, &row, word, None, None, actor).await?;
        return later(payments, event, PATIENT_TRIES).await;
    }
    drive::observe(payments, &row, word, None, Some(Box::new(event)), actor).await.map(drop)
}

fn is_about_refunds(kind: &str) -> bool {
    kind.starts_with("refund.") || kind == "charge.refund.updated"
}

/// Asks after refunds that have succeeded: a bank may send the money back much later. False if that could not be found out.
async fn came_back(payments: &Payments, row: &Payment) -> Result<bool, Fault> {
    let provider = payments.rail_of(row)?;
    let refunds = payments.store().refunds(row.tenant, row.id).await?;
    for back in refunds.into_iter().filter(|back| back.state == RefundState::Succeeded) {
        match within::look(&*provider, provider.lookup_refund(&whose(row), &back.id.to_string())).await {
            Ok(Some(seen)) if seen.state == ProviderRefundState::Failed => {
                let word = drive::refund_word(&back, &seen);
                drive::observe(payments, row, word, None, None, worker()).await?;
            }
            Ok(_) => {}
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

async fn refunds_under_way(payments: &Payments, row: &Payment) -> Result<Vec<Refund>, Fault> {
    let mut refunds = payments.store().refunds(row.tenant, row.id).await?;
    refunds.retain(|back| back.state == RefundState::Pending);
    Ok(refunds)
}

/// To be tried again, ever later, and so many times at most.
async fn later(payments: &Payments, event: ProviderEvent, tries: u32) -> Result<(), Fault> {
    let next_try = (event.tries < tries).then(|| payments.now().after(event.wait()));
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
