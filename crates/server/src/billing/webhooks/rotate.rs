//! `POST /v1/webhook-endpoints/{id}/rotate-secret`: the new secret is shown once. For a while both sign; of the one before
//! the one before nothing is left.

use std::time::Duration;

use farebox_api::RotateWebhookSecret;
use farebox_store::Change;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    create::shown,
    fields,
};
use crate::keys::seal_endpoint_secret;

const GRACE: u32 = 24 * 60 * 60;
const LONGEST_GRACE: u32 = 7 * GRACE;

pub(in crate::billing) async fn rotate(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let asked: RotateWebhookSecret = call.body_if_any()?;
    let grace = asked.grace_seconds.unwrap_or(GRACE);
    if grace > LONGEST_GRACE {
        return Err(Denial::member("/grace_seconds", format!("must be at most {LONGEST_GRACE}")));
    }
    let mut row = fields::endpoint(desk, call).await?;
    let (secret, sealed) = seal_endpoint_secret(desk.backend.keyring(), call.tenant, row.id)?;
    let before = std::mem::replace(&mut row.sealed, sealed);
    let until = call.at.after(Duration::from_secs(u64::from(grace)));
    row.previous = (grace > 0).then_some((before, until));
    row.revision = row.revision.saturating_add(1);
    row.updated_at = call.at;
    let mut view = shown(&row);
    let kept = Reply::ok(&view)?;
    view.secret = Some(secret.expose().to_owned());
    let reply = Reply::ok(&view)?;
    let change = Change::WebhookEndpoint { row, action: "webhook_endpoint_rotated" };
    fields::write(desk, call, change, (reply, &kept)).await
}
