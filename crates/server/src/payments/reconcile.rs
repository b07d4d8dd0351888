//! The provider's list against ours, both ways.

use std::{collections::BTreeMap, fmt};

use farebox_engine::payment::{Payment, State};
use farebox_providers::{Dispute, ProviderPayment, ProviderState};
use farebox_store::{Change, Fault, OperationKey, PaymentFilter, Record};
use farebox_types::{Id, Merchant, Timestamp};
use uuid::Uuid;

use super::{
    Payments,
    service::{read_our_id, worker},
};
use crate::refusal::impossible;

/// One thing on which the provider and we do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentDifference {
    /// Our id, or the provider's where we have none.
    pub payment: String,
    /// What each says.
    pub what: String,
}

impl fmt::Display for PaymentDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.payment, self.what)
    }
}

/// Compares what `tenant` and the provider have of payments made at or after `since`. Each difference is noted in the audit
/// trail. Payments that are under way are left out: the worker is at them.
///
/// # Errors
/// [`Fault`] of the store, or one that says that the provider could not be asked.
pub async fn reconcile(
    payments: &Payments,
    tenant: Id<Merchant>,
    since: Timestamp,
) -> Result<Vec<PaymentDifference>, Fault> {
    let rail = payments.rail(None).ok_or_else(|| impossible("no provider is configured"))?;
    let mut ours = ours(payments, tenant, rail.provider.name(), since).await?;
    let mut differences = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = rail.provider.list(since, after.as_deref()).await;
        let page = page.map_err(|fault| impossible(format!("the provider's list cannot be had: {fault}")))?;
        for theirs in &page.payments {
            let id = theirs.our_id.as_deref().and_then(read_our_id);
            match id {
                Some((owner, _)) if owner != tenant => {}
                Some((_, id)) => match ours.remove(&id.uuid()) {
                    Some(row) => differences.extend(compare(&row, theirs)),
                    None => differences.extend(unknown(payments, tenant, id, theirs).await?),
                },
                None => differences.push(differ(&theirs.provider_id, "the provider has it, we do not")),
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let lost = ours.into_values().filter(|row| row.state.was_paid());
    differences.extend(lost.map(|row| differ(&row.id.to_string(), "we have it paid, the provider does not have it")));
    note(payments, tenant, &differences).await?;
    Ok(differences)
}

async fn ours(
    payments: &Payments,
    tenant: Id<Merchant>,
    provider: &str,
    since: Timestamp,
) -> Result<BTreeMap<Uuid, Payment>, Fault> {
    let mut filter = PaymentFilter { since: Some(since), limit: 500, ..PaymentFilter::default() };
    let mut rows = BTreeMap::new();
    loop {
        let page = payments.store().payments(tenant, &filter).await?;
        filter.after = page.last().map(|row| row.id);
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page.into_iter().filter(|row| row.provider == provider).map(|row| (row.id.uuid(), row)));
    }
}

/// One that is not in our list: made a moment before `since`, or not at all.
async fn unknown(
    payments: &Payments,
    tenant: Id<Merchant>,
    id: Id<farebox_types::Payment>,
    theirs: &ProviderPayment,
) -> Result<Option<PaymentDifference>, Fault> {
    Ok(match payments.store().payment(tenant, id).await? {
        Some(row) => compare(&row, theirs),
        None => Some(differ(&theirs.provider_id, "the provider has it under our id, we do not")),
    })
}

fn compare(row: &Payment, theirs: &ProviderPayment) -> Option<PaymentDifference> {
    if row.details.pending.is_some() || row.refunding > 0 {
        return None;
    }
    let id = row.id.to_string();
    let currency = row.money.currency.code();
    if (row.money.minor, currency) != (theirs.minor, theirs.currency.as_str()) {
        let what = format!("we have {} {currency}, the provider {} {}", row.money.minor, theirs.minor, theirs.currency);
        return Some(differ(&id, &what));
    }
    if row.captured != theirs.captured_minor {
        return Some(differ(
            &id,
            &format!("we have {} captured, the provider {}", row.captured, theirs.captured_minor),
        ));
    }
    if let Some(refunded) = theirs.refunded_minor.filter(|refunded| *refunded != row.refunded) {
        return Some(differ(&id, &format!("we have {} refunded, the provider {refunded}", row.refunded)));
    }
    let dispute = theirs.dispute.map(|disputed| disputed.dispute);
    let withheld = matches!(dispute, Some(Dispute::Open | Dispute::Lost));
    if withheld != (row.state == State::Disputed) {
        let what = format!("we have it {}, the provider has its dispute {:?}", row.state.as_str(), dispute);
        return Some(differ(&id, &what));
    }
    let paid = theirs.state == ProviderState::Succeeded;
    let over = matches!(theirs.state, ProviderState::Failed | ProviderState::Canceled);
    let agrees = match row.state {
        State::Failed | State::Canceled => over,
        state if state.was_paid() => paid,
        _ => !paid && !over,
    };
    let what = format!("we have it {}, the provider {:?}", row.state.as_str(), theirs.state);
    (!agrees).then(|| differ(&id, &what))
}

fn differ(payment: &str, what: &str) -> PaymentDifference {
    PaymentDifference { payment: payment.to_owned(), what: what.to_owned() }
}

async fn note(payments: &Payments, tenant: Id<Merchant>, differences: &[PaymentDifference]) -> Result<(), Fault> {
    if differences.is_empty() {
        return Ok(());
    }
    let change = |one: &PaymentDifference| Change::Noted { action: "payment_differs", subject: one.to_string() };
    let record = Record {
        tenant,
        operation: OperationKey { scope: "payments.reconcile".to_owned(), key: Uuid::now_v7().to_string() },
        request_hash: [0; 32],
        changes: differences.iter().map(change).collect(),
        answer: String::new(),
        actor: worker(),
        at: payments.now(),
    };
    payments.store().record(record).await.map(drop)
}
