//! `POST /v1/webhook-endpoints`: the secret is shown once; a replay does not show it again.

use farebox_api::{CreatedWebhookEndpoint, NewWebhookEndpoint, ProblemCode};
use farebox_store::{Change, WebhookEndpoint};
use uuid::Uuid;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    fields,
};
use crate::keys::seal_endpoint_secret;

/// Endpoints of one merchant: each gets every event it asks for, so their number multiplies what is sent.
const MOST: usize = 16;

pub(in crate::billing) async fn create(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let new: NewWebhookEndpoint = call.body()?;
    let events = if new.events.is_empty() { vec!["*".to_owned()] } else { new.events };
    let id = Uuid::now_v7();
    let (secret, sealed) = seal_endpoint_secret(desk.backend.keyring(), call.tenant, id)?;
    let row = WebhookEndpoint {
        tenant: call.tenant,
        id,
        url: fields::url(desk, call, new.url)?,
        description: fields::description(new.description.unwrap_or_default())?,
        events: fields::events(&events)?,
        sealed,
        previous: None,
        disabled: None,
        revision: 1,
        created_at: call.at,
        updated_at: call.at,
    };
    if desk.store().webhook_endpoints(call.tenant).await?.len() >= MOST {
        let detail = format!("a merchant has at most {MOST} webhook endpoints: remove one first");
        return Err(Denial::new(ProblemCode::Conflict, detail));
    }
    let mut view = shown(&row);
    let kept = Reply::with(201, &view)?;
    view.secret = Some(secret.expose().to_owned());
    let shown = Reply::with(201, &view)?;
    fields::write(desk, call, Change::WebhookEndpoint { row, action: "webhook_endpoint_created" }, (shown, &kept)).await
}

/// Without its secret.
pub(super) fn shown(row: &WebhookEndpoint) -> CreatedWebhookEndpoint {
    CreatedWebhookEndpoint {
        id: row.id,
        url: row.url.clone(),
        description: row.description.clone(),
        events: row.events.split_ascii_whitespace().map(str::to_owned).collect(),
        enabled: row.disabled.is_none(),
        secret: None,
        previous_secret_until: row.previous.as_ref().map(|(_, until)| (*until).into()),
    }
}
