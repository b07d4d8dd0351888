//! Tokens of the management API: `pl_test_…` and `pl_live_…`.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use farebox_store::{ApiToken, Change, Fault, Store};
use farebox_types::{ApiToken as ApiTokenKind, Id, Merchant, Mode, PublicId, Secret, Timestamp};
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Keyring, Scopes, api_key::record};
use crate::refusal::impossible;

const TEST: &str = "pl_test_";
const LIVE: &str = "pl_live_";

/// What a new token is for.
#[derive(Debug, Clone)]
pub struct TokenTerms<'a> {
    /// For people.
    pub name: &'a str,
    /// What it may do.
    pub scopes: Scopes,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

impl<'a> TokenTerms<'a> {
    /// Everything that its merchant may, until it is taken back.
    #[must_use]
    pub fn all(name: &'a str) -> Self {
        Self { name, scopes: Scopes::all(), expires_at: None }
    }
}

/// A new token of `tenant`: its text, which is shown once, and the row to store, which holds a keyed hash of the text.
///
/// # Errors
/// [`Fault`] if the system gives no random numbers.
pub fn new_api_token(
    keyring: &Keyring,
    tenant: Id<Merchant>,
    mode: Mode,
    terms: &TokenTerms<'_>,
    at: Timestamp,
) -> Result<(Secret, ApiToken), Fault> {
    let id: Id<ApiTokenKind> = Id::generate();
    let mut bytes = Zeroizing::new([0_u8; 64]);
    bytes[..16].copy_from_slice(tenant.uuid().as_bytes());
    bytes[16..32].copy_from_slice(id.uuid().as_bytes());
    getrandom::fill(&mut bytes[32..]).map_err(|_| impossible("the system gave no random numbers"))?;
    let prefix = match mode {
        Mode::Test => TEST,
        Mode::Live => LIVE,
    };
    let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    let text = Secret::new(format!("{prefix}{}", *encoded));
    let hash = keyring.hash_api_token(text.expose());
    let row = ApiToken {
        tenant,
        id,
        name: terms.name.to_owned(),
        hash,
        scopes: terms.scopes.to_string(),
        created_at: at,
        expires_at: terms.expires_at,
        revoked_at: None,
    };
    Ok((text, row))
}

/// As [`new_api_token`], and stores the row. Not idempotent: each call makes another token.
///
/// # Errors
/// [`Fault`]; after one whose outcome is unknown, an unused row may be left, which is harmless.
pub async fn issue_api_token(
    store: &dyn Store,
    keyring: &Keyring,
    tenant: Id<Merchant>,
    mode: Mode,
    terms: &TokenTerms<'_>,
    at: Timestamp,
) -> Result<(Secret, ApiToken), Fault> {
    let (text, row) = new_api_token(keyring, tenant, mode, terms, at)?;
    let id = row.id.to_string();
    record(store, tenant, ("api_token.issue", &id), Change::ApiToken(row.clone()), at).await?;
    Ok((text, row))
}

/// Takes a token back. Repeating it is harmless; servers follow within seconds.
///
/// # Errors
/// [`Fault`] of the store.
pub async fn revoke_api_token(
    store: &dyn Store,
    tenant: Id<Merchant>,
    id: Id<ApiTokenKind>,
    at: Timestamp,
) -> Result<(), Fault> {
    record(store, tenant, ("api_token.revoke", &id.to_string()), Change::RevokeApiToken(id), at).await
}

/// The token behind `text`, if it is one of ours and in force `at` this time.
///
/// # Errors
/// [`Fault`] of the store.
pub async fn check_api_token(
    store: &dyn Store,
    keyring: &Keyring,
    text: &str,
    at: Timestamp,
) -> Result<Option<ApiToken>, Fault> {
    let Some(id) = read(text) else { return Ok(None) };
    let row = store.api_token(id.tenant, id.id).await?;
    Ok(row.filter(|row| holds(keyring, row, text, at)))
}

/// Whose token this claims to be, by its text alone; whether it is true, only a server can say.
#[must_use]
pub fn claimed_api_token(text: &str) -> Option<PublicId<ApiTokenKind>> {
    read(text)
}

/// Whose token this claims to be.
pub(super) fn read(text: &str) -> Option<PublicId<ApiTokenKind>> {
    let encoded = text.strip_prefix(TEST).or_else(|| text.strip_prefix(LIVE))?;
    let mut bytes = Zeroizing::new([0_u8; 64]);
    let length = URL_SAFE_NO_PAD.decode_slice(encoded, &mut *bytes).ok()?;
    if length != bytes.len() {
        return None;
    }
    let (tenant, rest) = bytes.split_first_chunk::<16>()?;
    let (id, _) = rest.split_first_chunk::<16>()?;
    Some(PublicId::new(Id::from_uuid(Uuid::from_bytes(*tenant)), Id::from_uuid(Uuid::from_bytes(*id))))
}

/// Whether `text` is the token of `row`, and the row is in force. In constant time.
pub(super) fn holds(keyring: &Keyring, row: &ApiToken, text: &str, at: Timestamp) -> bool {
    let same: bool = row.hash.ct_eq(&keyring.hash_api_token(text)).into();
    same && row.revoked_at.is_none() && row.expires_at.is_none_or(|end| at < end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(mode: Mode) -> (Keyring, String, ApiToken) {
        let ring = Keyring::new([3; 32]);
        let terms = TokenTerms::all("ci");
        let (text, row) = new_api_token(&ring, Id::generate(), mode, &terms, Timestamp::from_seconds(1)).unwrap();
        (ring, text.expose().to_owned(), row)
    }

    const NOW: Timestamp = Timestamp::from_seconds(5);

    #[test]
    fn a_token_ends_when_its_time_is_over() {
        let (ring, text, row) = token(Mode::Test);
        let row = ApiToken { expires_at: Some(Timestamp::from_seconds(6)), ..row };
        assert!(holds(&ring, &row, &text, NOW));
        assert!(!holds(&ring, &row, &text, Timestamp::from_seconds(6)));
    }

    #[test]
    fn a_token_names_its_merchant_and_holds_for_its_own_row() {
        let (ring, text, row) = token(Mode::Live);
        assert!(text.starts_with("pl_live_"));
        assert_eq!(read(&text), Some(PublicId::new(row.tenant, row.id)));
        assert!(holds(&ring, &row, &text, NOW));
    }

    #[test]
    fn a_token_of_another_mode_secret_or_row_does_not_hold() {
        let (ring, text, row) = token(Mode::Test);
        assert!(!holds(&ring, &row, &text.replace("pl_test_", "pl_live_"), NOW));
        assert!(!holds(&Keyring::new([4; 32]), &row, &text, NOW));
        assert!(!holds(&ring, &token(Mode::Test).2, &text, NOW));
        let revoked = ApiToken { revoked_at: Some(Timestamp::from_seconds(2)), ..row };
        assert!(!holds(&ring, &revoked, &text, NOW));
    }

    #[test]
    fn what_is_not_a_tokens_text_is_nobodys() {
        let (_, text, _) = token(Mode::Test);
        for text in ["", "pl_test_", "pl_test_AAAA", &text[..text.len() - 1], &format!("{text}A"), &text[8..]] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
