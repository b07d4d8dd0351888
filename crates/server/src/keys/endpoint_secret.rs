//! What webhooks to merchants are signed with. Kept sealed, shown once; a replaced one signs too for a while.

use farebox_store::{Fault, WebhookEndpoint};
use farebox_types::{Id, Merchant, Secret, Timestamp};
use uuid::Uuid;

use super::{Keyring, new_inbound_secret};
use crate::refusal::impossible;

/// A fresh secret for an endpoint, and how it is kept.
pub(crate) fn seal_endpoint_secret(
    keyring: &Keyring,
    tenant: Id<Merchant>,
    id: Uuid,
) -> Result<(Secret, Vec<u8>), Fault> {
    let secret = new_inbound_secret()?;
    let sealed = keyring.seal(&place(tenant, id), &secret);
    Ok((secret, sealed.map_err(|_| impossible("the system gave no random numbers"))?))
}

/// What a delivery is signed with `now`: the current secret, and the one before it while it holds. None, if the keyring does
/// not open the current one.
pub(crate) fn endpoint_secrets(keyring: &Keyring, row: &WebhookEndpoint, now: Timestamp) -> Vec<Secret> {
    let place = place(row.tenant, row.id);
    let Some(current) = keyring.open(&place, &row.sealed) else { return Vec::new() };
    let previous = row.previous.as_ref().filter(|(_, until)| now < *until);
    let previous = previous.and_then(|(sealed, _)| keyring.open(&place, sealed));
    [current].into_iter().chain(previous).collect()
}

fn place(tenant: Id<Merchant>, id: Uuid) -> String {
    format!("webhook-endpoint/{tenant}/{id}")
}
