//! `POST /v1/api-tokens`: shown once; a replay does not show it again.

use farebox_api::{NewApiToken, NewToken, ProblemCode, Time};
use farebox_store::{Change, Record, Recorded};

use super::super::{
    desk::{Desk, conflict},
    edge::{Call, Denial, Reply},
};
use crate::{
    keys::{Scope, Scopes, TokenTerms, new_api_token},
    refusal::impossible,
};

pub(in crate::billing) async fn create_token(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let new: NewToken = call.body()?;
    if new.name.trim().is_empty() || new.name.len() > 100 || new.name.chars().any(char::is_control) {
        return Err(Denial::member("/name", "must have 1 to 100 visible characters"));
    }
    let expires_at = new.expires_at.map(Time::timestamp);
    if expires_at.is_some_and(|at| at <= call.at) {
        return Err(Denial::member("/expires_at", "must be in the future"));
    }
    let terms = TokenTerms { name: &new.name, scopes: scopes(call, &new.scopes)?, expires_at };
    let keyring = desk.backend.keyring();
    let (text, row) = new_api_token(keyring, call.tenant, call.mode, &terms, call.at)?;
    let mut view = NewApiToken {
        id: row.id.uuid(),
        name: row.name.clone(),
        scopes: row.scopes.split_ascii_whitespace().map(str::to_owned).collect(),
        expires_at: new.expires_at,
        token: None,
    };
    let record = Record {
        tenant: call.tenant,
        operation: call.name(),
        request_hash: call.hash(),
        changes: vec![Change::ApiToken(row)],
        answer: Reply::with(201, &view)?.stored(),
        actor: call.actor.clone(),
        at: call.at,
    };
    match desk.store().record(record).await? {
        Recorded::Fresh => {
            view.token = Some(text.expose().to_owned());
            Ok(Reply::with(201, &view)?)
        }
        Recorded::Replayed(answer) => Ok(Reply::recalled(&answer, true)?),
        Recorded::Conflict => Err(conflict()),
        Recorded::Taken => Err(impossible("a token met a unique name").into()),
    }
}

/// Nobody gives more than they have.
fn scopes(call: &Call, wanted: &[String]) -> Result<Scopes, Denial> {
    if wanted.is_empty() {
        return Ok(call.scopes.clone());
    }
    let mut scopes = Vec::with_capacity(wanted.len());
    for (at, text) in wanted.iter().enumerate() {
        let place = format!("/scopes/{at}");
        let scope: Scope = text.parse().map_err(|error| Denial::member(&place, format!("{error}")))?;
        if !call.scopes.allow(scope) {
            return Err(Denial::new(
                ProblemCode::Forbidden,
                format!("this token does not have the scope {scope} itself"),
            ));
        }
        scopes.push(scope);
    }
    Ok(Scopes::new(scopes))
}
