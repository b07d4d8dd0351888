//! `GET /v1/customers/{id}/balances` and `/ledger`.

use farebox_api::{Amount, Cursor, LedgerEntry, LedgerKind, List};
use farebox_engine::entitlement::FeatureKind;
use farebox_store::billing::{Customer, EventCursor, Feature};
use farebox_types::Quantity;

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
    view,
};

/// Of every counted feature that is sold.
pub(in crate::billing) async fn balances(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let page = call.page()?;
    let holdings = desk.billing.holdings(call.tenant, call.id("id", "customer")?).await?;
    let counted = |feature: &Feature| matches!(feature.kind, FeatureKind::Metered | FeatureKind::Unlimited);
    let features = desk.all::<Feature>(call).await?.into_iter().map(|row| row.value);
    let after = |feature: &Feature| page.after.is_none_or(|after| feature.id < after);
    let features = features.filter(|feature| !feature.archived && counted(feature) && after(feature));
    let features: Vec<Feature> = features.take(page.length() + 1).collect();
    let mut data = Vec::with_capacity(features.len());
    for feature in &features {
        data.push((feature.id, view::balance(&desk.billing.answer(&holdings, feature, Quantity::ZERO).await?)?));
    }
    let list = List::page(data, page.length(), |(id, _)| *id);
    let data = list.data.into_iter().map(|(_, balance)| balance).collect();
    Ok(Reply::ok(&List { data, has_more: list.has_more, next_cursor: list.next_cursor })?)
}

/// What was used, newest first.
pub(in crate::billing) async fn ledger(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let page = call.page()?;
    let customer = desk.find::<Customer>(call, call.id("id", "customer")?, "customer").await?.value.id;
    let features = desk.all::<Feature>(call).await?;
    let after = match page.after {
        None => None,
        Some(id) => {
            let id = farebox_engine::ledger::TransferId::from_uuid(id);
            let event = desk.store().transfer(call.tenant, id).await?;
            let event = event.ok_or_else(|| Denial::parameter("cursor", "the next_cursor of the page before"))?;
            Some((event.settled_at.unwrap_or(event.created_at), id.uuid()))
        }
    };
    let cursor = EventCursor { after, limit: page.limit.saturating_add(1) };
    let events = desk.store().usage_events(call.tenant, customer, cursor).await?;
    let mut data = Vec::with_capacity(events.len());
    for event in &events {
        let feature = features.iter().find(|row| row.value.id == event.usage.feature);
        let Some(feature) = feature else { continue };
        data.push(LedgerEntry {
            id: event.id.uuid(),
            kind: if event.value < 0 { LedgerKind::Correction } else { LedgerKind::Usage },
            feature_code: view::word(&feature.value.code)?,
            amount: Amount::from_micros(event.counted.unwrap_or(event.value)),
            occurred_at: event.usage.occurred_at.into(),
            recorded_at: event.received_at.into(),
            late: event.usage.late,
        });
    }
    let next_cursor = (events.len() > page.length()).then(|| events.get(page.length() - 1)).flatten();
    let next_cursor = next_cursor.map(|event| Cursor::after(event.id.uuid()));
    data.truncate(page.length());
    Ok(Reply::ok(&List { data, has_more: next_cursor.is_some(), next_cursor })?)
}
