//! Who may read payments, and who may make them.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use farebox_engine::ledger::Actor;
use farebox_store::Role;
use farebox_types::{Id, Merchant};

use super::Payments;
use crate::{
    http::Problem,
    keys::{Scope, Scopes},
    refusal::{Failure, Refusal},
};

/// May read.
pub(super) struct Reader {
    pub(super) tenant: Id<Merchant>,
    /// May pay as well: what the payer's browser needs is shown to those.
    pub(super) pays: bool,
}

/// May pay and refund.
pub(super) struct Writer {
    pub(super) tenant: Id<Merchant>,
    pub(super) actor: Actor,
}

impl FromRequestParts<Payments> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, payments: &Payments) -> Result<Self, Problem> {
        let found = identify(parts, payments, &[Scope::PaymentsRead, Scope::PaymentsWrite]).await?;
        Ok(Self { tenant: found.tenant, pays: found.pays })
    }
}

impl FromRequestParts<Payments> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, payments: &Payments) -> Result<Self, Problem> {
        let found = identify(parts, payments, &[Scope::PaymentsWrite]).await?;
        Ok(Self { tenant: found.tenant, actor: found.actor })
    }
}

struct Found {
    tenant: Id<Merchant>,
    actor: Actor,
    pays: bool,
}

async fn identify(parts: &Parts, payments: &Payments, scopes: &[Scope]) -> Result<Found, Failure> {
    let value = parts.headers.get(header::AUTHORIZATION).ok_or(Refusal::NoKey)?;
    let text = value.to_str().map_err(|_| Refusal::BadKey)?;
    let (scheme, credential) = text.split_once(' ').ok_or(Refusal::BadKey)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::NoKey.into());
    }
    let credential = credential.trim_start();
    if credential.starts_with("pl_") {
        let row = payments.backend().token_in_force(credential).await?.ok_or(Refusal::BadKey)?;
        let granted = Scopes::read(&row.scopes);
        if !scopes.iter().any(|scope| granted.allow(*scope)) {
            return Err(Refusal::MissingScope { scope: scopes[scopes.len() - 1].as_str() }.into());
        }
        let pays = granted.allow(Scope::PaymentsWrite);
        return Ok(Found { tenant: row.tenant, actor: Actor::new(row.id.to_string()), pays });
    }
    let caller = payments.backend().identify(credential).await?;
    if caller.role != Role::Seller {
        return Err(Refusal::WrongRole.into());
    }
    Ok(Found { tenant: caller.tenant, actor: caller.actor, pays: true })
}
