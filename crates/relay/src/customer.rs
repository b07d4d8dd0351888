//! From the caller to their customer: known, found, or created.

use std::time::Duration;

use farebox_types::IdempotencyKey;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use crate::{
    identity::CustomerIdentity,
    input::is_segment,
    problem::Refusal,
    upstream::{Answer, Ended, Upstream},
};

const KEY_PREFIX: &str = "paylera-relay-autocreate";
/// How often somebody else's creation of the same customer is waited for.
const WAITS: u32 = 6;
/// How often one key's customer may have become somebody else's.
const CHANGES: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// A customer, and how upstream showed it if it had to be asked.
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) shown: Option<Answer>,
}

#[derive(Deserialize)]
struct Customer {
    id: String,
    #[serde(default)]
    email: Option<String>,
}

impl Customer {
    /// Not somebody else's. An upstream that does not say whose it is is believed.
    fn is_of(&self, email: &str) -> bool {
        self.email.as_deref().is_none_or(|own| own.trim().to_lowercase() == email)
    }
}

#[derive(Deserialize)]
struct Customers {
    data: Vec<Customer>,
}

/// The caller's customer. Creating one is safe to repeat, here and on every other instance: all use one key.
pub(crate) async fn find(upstream: &Upstream, identity: &CustomerIdentity, auto_create: bool) -> Result<Found, Ended> {
    if let Some(id) = &identity.customer_id {
        return Ok(Found { id: id.clone(), shown: None });
    }
    match identity.email.as_deref().filter(|_| auto_create) {
        Some(email) => create(upstream, identity, &email.trim().to_lowercase()).await,
        None => Err(Refusal::NoCustomer.into()),
    }
}

async fn create(upstream: &Upstream, identity: &CustomerIdentity, email: &str) -> Result<Found, Ended> {
    let mut body = json!({"email": email, "currency": identity.currency.as_deref().unwrap_or("USD")});
    if let Some(name) = &identity.name {
        body["name"] = json!(name);
    }
    if let Some(metadata) = &identity.metadata {
        body["metadata"] = json!(metadata);
    }
    let body = body.to_string();
    let mut name = email.to_owned();
    for _ in 0..CHANGES {
        let key = key(identity.tenant_id.as_deref(), &name)?;
        let made = match created(upstream, &body, &key).await? {
            Created::Known(answer) => answer,
            // The same user, created today with another name or metadata.
            Created::Otherwise(conflict) => return by_email(upstream, email).await?.ok_or(Ended::Answered(conflict)),
        };
        let id = made.read::<Customer>()?.id;
        // An answer from before says how the customer was then.
        let shown = if made.replayed { upstream.get(&format!("/v1/customers/{}", segment(&id)?)).await? } else { made };
        if shown.status != 404 && shown.read::<Customer>()?.is_of(email) {
            return found(id, Some(shown));
        }
        // Whom this key has made has another e-mail by now: it is somebody else.
        if let Some(found) = by_email(upstream, email).await? {
            return Ok(found);
        }
        name = format!("{email}:after:{id}");
    }
    Err(Refusal::UpstreamTimeout.into())
}

/// What came of creating a customer under a key.
enum Created {
    /// Now, or before.
    Known(Answer),
    /// Before, out of another body.
    Otherwise(Answer),
}

async fn created(upstream: &Upstream, body: &str, key: &IdempotencyKey) -> Result<Created, Ended> {
    let mut wait = FIRST_WAIT;
    for _ in 0..WAITS {
        let answer = upstream.post("/v1/customers", body.as_bytes().to_vec(), key).await?;
        match answer.problem().filter(|_| answer.status == 409).as_deref() {
            // Another first request of the same user is on its way.
            Some("paylera.idempotency_in_progress") => sleep(wait).await,
            Some("paylera.idempotency_conflict") => return Ok(Created::Otherwise(answer)),
            _ => return Ok(Created::Known(answer)),
        }
        wait = wait.saturating_mul(2);
    }
    Err(Refusal::UpstreamTimeout.into())
}

async fn by_email(upstream: &Upstream, email: &str) -> Result<Option<Found>, Ended> {
    let email: String = form_urlencoded::byte_serialize(email.as_bytes()).collect();
    let answer = upstream.get(&format!("/v1/customers?email={email}")).await?;
    answer.read::<Customers>()?.data.into_iter().next().map(|customer| found(customer.id, None)).transpose()
}

fn found(id: String, shown: Option<Answer>) -> Result<Found, Ended> {
    segment(&id)?;
    Ok(Found { id, shown })
}

fn segment(id: &str) -> Result<&str, Ended> {
    if is_segment(id) {
        return Ok(id);
    }
    tracing::error!("upstream's customer has an id that cannot be one");
    Err(Refusal::UpstreamUnreachable.into())
}

/// `paylera-relay-autocreate:{tenant}:{email}`; without a tenant, or for the tenant `default`, without its part.
///
/// What cannot stand in a header is percent-encoded; a key that would become too long ends in the e-mail's SHA-256.
fn key(tenant: Option<&str>, email: &str) -> Result<IdempotencyKey, Refusal> {
    let tenant = tenant.filter(|tenant| *tenant != "default");
    let prefix = tenant.map_or_else(|| KEY_PREFIX.to_owned(), |tenant| format!("{KEY_PREFIX}:{}", visible(tenant)));
    let key = format!("{prefix}:{}", visible(email)).parse();
    let key = key.or_else(|_| format!("{prefix}:sha256-{}", hex::encode(Sha256::digest(email))).parse());
    key.map_err(|_| {
        tracing::error!("identify named a tenant that is too long for an idempotency key");
        Refusal::IdentityUnavailable
    })
}

fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            visible.push(char::from(byte));
        } else {
            visible.push_str(&format!("%{byte:02X}"));
        }
    }
    visible
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(tenant: Option<&str>, email: &str) -> String {
        key(tenant, email).unwrap().as_str().to_owned()
    }

    #[test]
    fn the_key_has_three_parts_with_a_tenant_and_two_without() {
        assert_eq!(written(Some("t-1"), "a@b.c"), "paylera-relay-autocreate:t-1:a@b.c");
        assert_eq!(written(None, "a@b.c"), "paylera-relay-autocreate:a@b.c");
        assert_eq!(written(Some("default"), "a@b.c"), "paylera-relay-autocreate:a@b.c");
    }

    #[test]
    fn every_email_makes_a_key() {
        assert_eq!(written(None, "jürgen@b.c"), "paylera-relay-autocreate:j%C3%BCrgen@b.c");
        assert_eq!(written(None, "a b\r\n@b.c"), "paylera-relay-autocreate:a%20b%0D%0A@b.c");
        let long = written(Some("t"), &format!("{}@b.c", "a".repeat(300)));
        assert!(long.starts_with("paylera-relay-autocreate:t:sha256-"));
        assert!(key(Some(&"t".repeat(300)), "a@b.c").is_err());
    }
}
