//! `GET /v1/webhook-deliveries` and `/{id}`.

use farebox_api as api;
use farebox_engine::delivery::State;
use farebox_store::{DeliveryFilter, WebhookDelivery};
use uuid::Uuid;

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
};
use crate::delivery::event_id;

pub(in crate::billing) async fn deliveries(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let page = call.page()?;
    let endpoint = call.parameter("endpoint_id").map(|text| {
        let id = Some(text).filter(|text| text.len() == 36).and_then(|text| Uuid::try_parse(text).ok());
        id.ok_or_else(|| Denial::parameter("endpoint_id", "a webhook endpoint's id"))
    });
    let state = call.parameter("status").map(|text| {
        let words = "pending, delivering, succeeded, waiting or exhausted";
        State::read(text).ok_or_else(|| Denial::parameter("status", words))
    });
    let (endpoint, state) = (endpoint.transpose()?, state.transpose()?);
    let filter = DeliveryFilter { endpoint, state, after: page.after, limit: page.limit.saturating_add(1) };
    let rows = desk.store().webhook_deliveries(call.tenant, &filter).await?;
    Ok(Reply::ok(&api::List::page(rows.iter().map(shown).collect(), page.length(), |delivery| delivery.id))?)
}

pub(in crate::billing) async fn delivery(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    Ok(Reply::ok(&shown(&found(desk, call).await?))?)
}

/// A delivery of the caller's tenant.
pub(super) async fn found(desk: &Desk, call: &Call) -> Result<WebhookDelivery, Denial> {
    let id = call.id("id", "webhook delivery")?;
    let row = desk.store().webhook_delivery(call.tenant, id).await?;
    row.ok_or_else(|| Denial::not_found("webhook delivery"))
}

pub(super) fn shown(row: &WebhookDelivery) -> api::WebhookDelivery {
    api::WebhookDelivery {
        id: row.id,
        endpoint_id: row.endpoint,
        event_id: event_id(row.event),
        event_type: row.kind.clone(),
        status: match row.state {
            State::Pending => api::WebhookDeliveryStatus::Pending,
            State::Delivering => api::WebhookDeliveryStatus::Delivering,
            State::Succeeded => api::WebhookDeliveryStatus::Succeeded,
            State::Waiting => api::WebhookDeliveryStatus::Waiting,
            State::Exhausted => api::WebhookDeliveryStatus::Exhausted,
        },
        attempts: row.attempts,
        // While it is being tried, the time is only that of the lease.
        next_attempt_at: row.next_at.filter(|_| row.state != State::Delivering).map(Into::into),
        response_status: row.status,
        response_body: row.snippet.clone(),
        failure: row.failure.clone(),
        created_at: row.created_at.into(),
        updated_at: row.updated_at.into(),
    }
}
