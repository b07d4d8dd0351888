//! Keys of the credits API: `local:<jwt>`.

use farebox_engine::ledger::Actor;
use farebox_store::{ApiKey, Change, Fault, OperationKey, Record, Role, Store};
use farebox_types::{Address, ApiKey as ApiKeyKind, Id, Merchant, Secret, Timestamp};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};

use super::Keyring;
use crate::refusal::impossible;

/// The prefix tells an unpatched client that this backend is a local one.
const PREFIX: &str = "local:";
const ISSUER: &str = "farebox";

/// What a key says. Clients read `sub` and want a non-empty `o11y`.
#[derive(Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    pub(super) tid: String,
    pub(super) jti: String,
    pub(super) role: String,
    o11y: String,
    iat: i64,
    iss: String,
}

/// A new key for a new account of `tenant`: its text, which is shown once, and the row to store.
///
/// # Errors
/// [`Fault`] if the system gives no random numbers or the key cannot be signed.
pub fn new_api_key(
    keyring: &Keyring,
    tenant: Id<Merchant>,
    role: Role,
    at: Timestamp,
) -> Result<(Secret, ApiKey), Fault> {
    let mut account = [0_u8; 20];
    getrandom::fill(&mut account).map_err(|_| impossible("the system gave no random numbers"))?;
    let account = Address::from_bytes(account);
    let row = ApiKey { tenant, id: Id::generate(), role, account, created_at: at, revoked_at: None };
    Ok((sign(keyring, &row)?, row))
}

/// As [`new_api_key`], and stores the row. Not idempotent: each call makes another key.
///
/// # Errors
/// [`Fault`]; after one whose outcome is unknown, an unused row may be left, which is harmless.
pub async fn issue_api_key(
    store: &dyn Store,
    keyring: &Keyring,
    tenant: Id<Merchant>,
    role: Role,
    at: Timestamp,
) -> Result<(Secret, ApiKey), Fault> {
    let (key, row) = new_api_key(keyring, tenant, role, at)?;
    let id = row.id.to_string();
    record(store, tenant, ("api_key.issue", &id), Change::ApiKey(row.clone()), at).await?;
    Ok((key, row))
}

/// Takes a key back. Repeating it is harmless; servers follow within seconds.
///
/// # Errors
/// [`Fault`] of the store.
pub async fn revoke_api_key(
    store: &dyn Store,
    tenant: Id<Merchant>,
    id: Id<ApiKeyKind>,
    at: Timestamp,
) -> Result<(), Fault> {
    record(store, tenant, ("api_key.revoke", &id.to_string()), Change::RevokeApiKey(id), at).await
}

/// One change by the operator, under a name that can be repeated.
pub(super) async fn record(
    store: &dyn Store,
    tenant: Id<Merchant>,
    (scope, key): (&str, &str),
    change: Change,
    at: Timestamp,
) -> Result<(), Fault> {
    let record = Record {
        tenant,
        operation: OperationKey { scope: scope.to_owned(), key: key.to_owned() },
        request_hash: [0; 32],
        changes: vec![change],
        answer: "{}".to_owned(),
        actor: Actor::new("operator"),
        at,
    };
    store.record(record).await.map(drop)
}

fn sign(keyring: &Keyring, row: &ApiKey) -> Result<Secret, Fault> {
    let claims = Claims {
        sub: row.account.to_string(),
        tid: row.tenant.to_string(),
        jti: row.id.to_string(),
        role: row.role.as_str().to_owned(),
        o11y: "local".to_owned(),
        iat: row.created_at.seconds(),
        iss: ISSUER.to_owned(),
    };
    let jwt = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &keyring.jwt_sign);
    jwt.map(|jwt| Secret::new(format!("{PREFIX}{jwt}"))).map_err(|_| impossible("an API key cannot be signed"))
}

/// What a key says, if we signed it. Says nothing about whether it has been revoked since.
pub(super) fn read(keyring: &Keyring, text: &str) -> Option<Claims> {
    let jwt = text.strip_prefix(PREFIX).filter(|jwt| !jwt.contains(':'))?;
    let mut rules = Validation::new(Algorithm::HS256);
    rules.validate_exp = false;
    rules.set_required_spec_claims(&["iss", "sub"]);
    rules.set_issuer(&[ISSUER]);
    jsonwebtoken::decode(jwt, &keyring.jwt_check, &rules).ok().map(|token| token.claims)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

    use super::*;

    fn issued(keyring: &Keyring) -> (String, ApiKey) {
        let (key, row) = new_api_key(keyring, Id::generate(), Role::Buyer, Timestamp::from_seconds(9)).unwrap();
        (key.expose().to_owned(), row)
    }

    #[test]
    fn a_key_reads_back_what_it_was_issued_for() {
        let ring = Keyring::new([1; 32]);
        let (key, row) = issued(&ring);
        let claims = read(&ring, &key).unwrap();
        assert_eq!((claims.sub, claims.jti), (row.account.to_string(), row.id.to_string()));
        assert_eq!((claims.tid, claims.role.as_str()), (row.tenant.to_string(), "buyer"));
        assert!(!claims.o11y.is_empty());
    }

    #[test]
    fn a_key_of_another_secret_another_prefix_or_another_content_is_refused() {
        let ring = Keyring::new([1; 32]);
        let (key, _) = issued(&ring);
        let jwt = key.strip_prefix("local:").unwrap();
        let parts: Vec<&str> = jwt.split('.').collect();
        let raised = String::from_utf8(BASE64.decode(parts[1]).unwrap()).unwrap().replace("buyer", "seller");
        let altered = format!("local:{}.{}.{}", parts[0], BASE64.encode(raised), parts[2]);
        assert!(read(&Keyring::new([2; 32]), &key).is_none());
        for text in [jwt, &format!("nvm:{jwt}"), &format!("local:x:{jwt}"), &altered, "local:", ""] {
            assert!(read(&ring, text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_key_without_a_signature_is_refused() {
        let ring = Keyring::new([1; 32]);
        let (key, _) = issued(&ring);
        let payload = key.split('.').nth(1).unwrap();
        let header = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
        assert!(read(&ring, &format!("local:{header}.{payload}.")).is_none());
    }
}
