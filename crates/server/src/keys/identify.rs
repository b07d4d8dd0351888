//! From a bearer credential to a caller.

use std::sync::Arc;

use farebox_engine::ledger::Actor;
use farebox_store::{ApiToken, Fault, Role};
use farebox_types::{Address, Id, Merchant, PublicId};
use sha2::{Digest, Sha256};

use super::{Scope, Scopes, api_key, api_token};
use crate::{
    backend::Backend,
    refusal::{Failure, Refusal},
};

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) tenant: Id<Merchant>,
    pub(crate) account: Address,
    pub(crate) role: Role,
    /// The key's or token's id.
    pub(crate) actor: Actor,
}

impl Backend {
    /// Who holds this API key or management token.
    pub(crate) async fn identify(&self, credential: &str) -> Result<Caller, Failure> {
        if credential.starts_with("pl_") {
            self.identify_token(credential).await
        } else {
            self.identify_key(credential).await
        }
    }

    /// The management token that this is, if it is one and in force.
    pub(crate) async fn token_in_force(&self, text: &str) -> Result<Option<Arc<ApiToken>>, Fault> {
        let Some(id) = api_token::read(text) else { return Ok(None) };
        let row = self.api_token(id).await?;
        Ok(row.filter(|row| api_token::holds(self.keyring(), row, text, self.now())))
    }

    async fn identify_key(&self, text: &str) -> Result<Caller, Failure> {
        let claims = api_key::read(self.keyring(), text).ok_or(Refusal::BadKey)?;
        let (Ok(tenant), Ok(id)) = (claims.tid.parse(), claims.jti.parse()) else {
            return Err(Refusal::BadKey.into());
        };
        let row = self.api_key(PublicId::new(tenant, id)).await?.ok_or(Refusal::BadKey)?;
        let same = row.account.to_string() == claims.sub && row.role.as_str() == claims.role;
        if !same || row.revoked_at.is_some() {
            return Err(Refusal::BadKey.into());
        }
        Ok(Caller { tenant, account: row.account, role: row.role, actor: Actor::new(id.to_string()) })
    }

    async fn identify_token(&self, text: &str) -> Result<Caller, Failure> {
        let row = self.token_in_force(text).await?.ok_or(Refusal::BadKey)?;
        // What a facilitator's customers hold opens nothing here.
        if !Scopes::read(&row.scopes).allow(Scope::All) {
            return Err(Refusal::WrongRole.into());
        }
        let id = PublicId::new(row.tenant, row.id);
        let account = merchant_account(id.tenant);
        Ok(Caller { tenant: id.tenant, account, role: Role::Seller, actor: Actor::new(id.id.to_string()) })
    }
}

/// The account a merchant acts with when it comes with a management token.
fn merchant_account(tenant: Id<Merchant>) -> Address {
    let mut hash = Sha256::new();
    hash.update(b"farebox/merchant-account/v1");
    hash.update(tenant.uuid().as_bytes());
    let mut account = [0_u8; 20];
    account.copy_from_slice(&hash.finalize()[..20]);
    Address::from_bytes(account)
}
