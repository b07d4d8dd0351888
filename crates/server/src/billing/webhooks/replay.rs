//! `POST /v1/webhook-deliveries/{id}/replay`: the same event under its own id, so a receiver that has it passes it over.

use farebox_api::{Nothing, ProblemCode};
use farebox_engine::delivery::State;
use farebox_store::{Change, WebhookDelivery};
use uuid::Uuid;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    deliveries::{found, shown},
    fields,
};

pub(in crate::billing) async fn replay(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let _: Nothing = call.body_if_any()?;
    let before = found(desk, call).await?;
    let endpoint = desk.store().webhook_endpoint(call.tenant, before.endpoint).await?;
    if endpoint.is_none_or(|endpoint| endpoint.disabled.is_some()) {
        let detail = "its endpoint was removed or is disabled";
        return Err(Denial::new(ProblemCode::InvalidState, detail));
    }
    let row = WebhookDelivery {
        id: Uuid::now_v7(),
        state: State::Pending,
        attempts: 0,
        next_at: Some(call.at),
        status: None,
        snippet: None,
        failure: None,
        created_at: call.at,
        updated_at: call.at,
        ..before
    };
    let reply = Reply::with(201, &shown(&row))?;
    fields::write(desk, call, Change::WebhookDelivery(row), (reply.clone(), &reply)).await
}
