//! `PATCH /v1/webhook-endpoints/{id}`.

use farebox_api::WebhookEndpointPatch;
use farebox_store::{Change, Disabled};

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
        told::endpoint_view,
    },
    fields,
};

pub(in crate::billing) async fn update(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let patch: WebhookEndpointPatch = call.body()?;
    let mut row = fields::endpoint(desk, call).await?;
    if let Some(url) = patch.url {
        row.url = fields::url(desk, call, url)?;
    }
    if let Some(events) = patch.events {
        row.events = fields::events(&events)?;
    }
    if let Some(description) = patch.description {
        row.description = fields::description(description)?;
    }
    match patch.enabled {
        Some(true) => row.disabled = None,
        Some(false) => row.disabled = row.disabled.or(Some((call.at, Disabled::Asked))),
        None => {}
    }
    row.revision = row.revision.saturating_add(1);
    row.updated_at = call.at;
    let reply = Reply::ok(&endpoint_view(&row))?;
    let change = Change::WebhookEndpoint { row, action: "webhook_endpoint_changed" };
    fields::write(desk, call, change, (reply.clone(), &reply)).await
}
