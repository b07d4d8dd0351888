//! What card providers sign their webhooks with. Kept sealed; a replaced one holds on for a while, so that no event is
//! refused in between.

use farebox_engine::ledger::Actor;
use farebox_store::{Change, Fault, OperationKey, Record, Store, WebhookSecret};
use farebox_types::{Id, Merchant, Secret, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Keyring;
use crate::refusal::impossible;

/// A secret that takes the place of those before it.
pub struct NewSecret<'a> {
    /// The merchant.
    pub tenant: Id<Merchant>,
    /// Which provider: `sim`, `stripe`, …
    pub provider: &'a str,
    /// The secret: ours, or what the provider has given.
    pub secret: &'a Secret,
    /// Until when those before it still hold.
    pub others_until: Timestamp,
}

/// A fresh secret for a provider that signs with what we give it.
///
/// # Errors
/// [`Fault`] if the system gives no random numbers.
pub fn new_inbound_secret() -> Result<Secret, Fault> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *bytes).map_err(|_| impossible("the system gave no random numbers"))?;
    let text = Zeroizing::new(hex::encode(*bytes));
    Ok(Secret::new(format!("whsec_{}", *text)))
}

/// Every secret of a provider that is in force `now`, newest first: what its webhooks are checked against.
///
/// # Errors
/// [`Fault`] of the store. A row that the keyring does not open is left out, and logged.
pub async fn inbound_secrets(
    store: &dyn Store,
    keyring: &Keyring,
    tenant: Id<Merchant>,
    provider: &str,
    now: Timestamp,
) -> Result<Vec<Secret>, Fault> {
    let rows = store.webhook_secrets(tenant, provider).await?;
    let in_force = rows.iter().filter(|row| row.expires_at.is_none_or(|end| now < end));
    let opened = in_force.filter_map(|row| {
        let secret = keyring.open(&place(tenant, provider), &row.sealed);
        if secret.is_none() {
            tracing::error!(provider, "a webhook secret was sealed with another secret key");
        }
        secret
    });
    Ok(opened.collect())
}

/// Puts a secret in the place of those before it. Not idempotent: each call adds one, which is harmless.
///
/// # Errors
/// [`Fault`] of the store, or of the system's random numbers.
pub async fn replace_inbound_secret(
    store: &dyn Store,
    keyring: &Keyring,
    new: &NewSecret<'_>,
    at: Timestamp,
) -> Result<(), Fault> {
    let sealed = keyring.seal(&place(new.tenant, new.provider), new.secret);
    let row = WebhookSecret {
        tenant: new.tenant,
        provider: new.provider.to_owned(),
        id: Uuid::now_v7(),
        sealed: sealed.map_err(|_| impossible("the system gave no random numbers"))?,
        created_at: at,
        expires_at: None,
    };
    let retire = Change::RetireWebhookSecrets { provider: row.provider.clone(), expires_at: new.others_until };
    let record = Record {
        tenant: new.tenant,
        operation: OperationKey { scope: "webhook_secret.set".to_owned(), key: row.id.to_string() },
        request_hash: Sha256::digest(&row.sealed).into(),
        changes: vec![retire, Change::WebhookSecret(row)],
        answer: "{}".to_owned(),
        actor: Actor::new("operator"),
        at,
    };
    store.record(record).await.map(drop)
}

fn place(tenant: Id<Merchant>, provider: &str) -> String {
    format!("webhook-secret/{tenant}/{provider}")
}
