//! From outbox rows to deliveries: one commit makes the events and takes the rows out.

use std::{collections::BTreeMap, time::Duration};

use farebox_api::API_VERSION;
use farebox_engine::delivery::Filter;
use farebox_store::{FanOut, Fault, NewWebhookEvent, OutboxRow, WebhookEndpoint, WebhookEvent};
use farebox_types::{Id, Merchant};
use uuid::Uuid;

use super::events;
use crate::Backend;

/// Another process has older rows of the same merchant in hand: it is waited for, so that events keep their order.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(50);

/// Who gets what.
struct Listener {
    id: Uuid,
    filter: Filter,
}

/// Makes events of leased rows and takes them out; true if there is something to deliver. Rows of merchants without
/// endpoints are only taken out. What fails stays, and comes again when its lease is over.
pub(crate) async fn fan_out(backend: &Backend, rows: Vec<OutboxRow>) -> Result<bool, Fault> {
    let mut by_tenant: BTreeMap<Id<Merchant>, Vec<OutboxRow>> = BTreeMap::new();
    for row in rows {
        by_tenant.entry(row.tenant).or_default().push(row);
    }
    let (mut quiet, mut told) = (Vec::new(), false);
    for (tenant, rows) in by_tenant {
        let listeners = listeners(&backend.store().webhook_endpoints(tenant).await?);
        if listeners.is_empty() {
            quiet.extend(rows);
            continue;
        }
        // What is wrong with one merchant's rows must not keep the others waiting.
        match tell(backend, tenant, rows, &listeners).await {
            Ok(some) => told |= some,
            Err(fault) => {
                tracing::warn!(merchant = %tenant, error = %fault, "events could not be made, to be tried again")
            }
        }
    }
    if !quiet.is_empty() {
        backend.store().finish_outbox(&quiet).await?;
    }
    Ok(told)
}

fn listeners(endpoints: &[WebhookEndpoint]) -> Vec<Listener> {
    let enabled = endpoints.iter().filter(|endpoint| endpoint.disabled.is_none());
    let listener = |endpoint: &WebhookEndpoint| {
        let filter = Filter::of(endpoint.events.split_ascii_whitespace()).ok()?;
        Some(Listener { id: endpoint.id, filter })
    };
    enabled.filter_map(listener).collect()
}

async fn tell(
    backend: &Backend,
    tenant: Id<Merchant>,
    mut rows: Vec<OutboxRow>,
    listeners: &[Listener],
) -> Result<bool, Fault> {
    rows.sort_by_key(|row| (row.created_at, row.chain, row.seq));
    let wanted = |kind: &str| listeners.iter().any(|listener| listener.filter.wants(kind));
    let mut events = Vec::new();
    for row in &rows {
        for happened in events::of(backend, row, &wanted).await? {
            events.push(addressed(row, happened, listeners));
        }
    }
    let some = !events.is_empty();
    let fan_out = FanOut { tenant, rows, events, at: backend.now() };
    for _ in 0..TRIES {
        if backend.store().fan_out(&fan_out).await? {
            return Ok(some);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(false)
}

/// The event's id is given here, once: if this commit fails nobody has seen it.
fn addressed(row: &OutboxRow, happened: events::Happened, listeners: &[Listener]) -> NewWebhookEvent {
    let wanting = listeners.iter().filter(|listener| listener.filter.wants(&happened.kind));
    let deliveries = wanting.map(|listener| (Uuid::now_v7(), listener.id)).collect();
    let event = WebhookEvent {
        id: Uuid::now_v7(),
        kind: happened.kind,
        sequence: 0,
        api_version: API_VERSION.to_owned(),
        data: happened.data,
        created_at: row.created_at,
    };
    NewWebhookEvent { event, deliveries }
}
