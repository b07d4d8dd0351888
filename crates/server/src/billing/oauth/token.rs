//! `POST /v1/oauth/token`.

use std::time::Duration;

use farebox_api::{OauthError, OauthErrorCode, OauthToken, TokenRequest};
use farebox_store::{
    OperationKey,
    billing::{DeviceCode, DeviceState, Put, Row},
};
use farebox_types::{Id, Merchant};

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    body, hash, nobody,
};
use crate::keys::{Scopes, TokenTerms, issue_api_token};

/// A question is not worth a line of the trail.
const UNSAID: &str = "";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub(in crate::billing) async fn token(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let request: TokenRequest = body(call)?;
    if request.grant_type != GRANT {
        return refused(OauthErrorCode::UnsupportedGrantType, "the grant type must be the device flow's");
    }
    let row = desk.named::<DeviceCode>(nobody(), &format!("device:{}", hash(&request.device_code))).await?;
    let Some(row) = row.filter(|row| row.value.client == request.client_id) else {
        return refused(OauthErrorCode::InvalidGrant, "there is no such device code");
    };
    if row.value.state == DeviceState::Used {
        return refused(OauthErrorCode::InvalidGrant, "this device code has been used");
    }
    if call.at >= row.value.expires_at {
        return refused(OauthErrorCode::ExpiredToken, "nobody decided in time: begin again");
    }
    match row.value.state {
        DeviceState::Denied => refused(OauthErrorCode::AccessDenied, "somebody said no"),
        DeviceState::Approved => issued(desk, call, &row).await,
        DeviceState::Pending | DeviceState::Used => polled(desk, call, &row).await,
    }
}

/// Asked again too soon, the device has to wait five seconds longer from then on.
async fn polled(desk: &Desk, call: &Call, row: &Row<DeviceCode>) -> Result<Reply, Denial> {
    let mut value = row.value.clone();
    let interval = Duration::from_secs(u64::from(value.interval_seconds));
    let soon = value.polled_at.is_some_and(|at| call.at.since(at) < interval);
    if soon {
        value.interval_seconds = value.interval_seconds.saturating_add(5);
    }
    value.polled_at = Some(call.at);
    step(desk, call, row, value, UNSAID).await?;
    match soon {
        true => refused(OauthErrorCode::SlowDown, "asked too soon: wait five seconds more from now on"),
        false => refused(OauthErrorCode::AuthorizationPending, "nobody has decided yet"),
    }
}

/// The code is used up first: a token that was lost on its way is asked for anew, and one code never makes two.
async fn issued(desk: &Desk, call: &Call, row: &Row<DeviceCode>) -> Result<Reply, Denial> {
    let Some((tenant, scopes)) = row.value.approved_by.as_deref().and_then(approval) else {
        return refused(OauthErrorCode::InvalidGrant, "this device code cannot be used");
    };
    let Some(merchant) = desk.store().merchant(tenant).await? else {
        return refused(OauthErrorCode::InvalidGrant, "this device code cannot be used");
    };
    let used = DeviceCode { state: DeviceState::Used, ..row.value.clone() };
    if !step(desk, call, row, used, "device_code_used").await? {
        return refused(OauthErrorCode::InvalidGrant, "this device code has been used");
    }
    let terms = TokenTerms { name: &row.value.client, scopes, expires_at: None };
    let keyring = desk.backend.keyring();
    let (text, token) = issue_api_token(desk.store(), keyring, tenant, merchant.mode, &terms, call.at).await?;
    let (access_token, scope) = (text.expose().to_owned(), token.scopes);
    Ok(Reply::ok(&OauthToken { access_token, token_type: "Bearer".to_owned(), scope })?)
}

/// False if the same step was taken by another call.
async fn step(
    desk: &Desk,
    call: &Call,
    row: &Row<DeviceCode>,
    value: DeviceCode,
    action: &'static str,
) -> Result<bool, Denial> {
    let operation = OperationKey { scope: "v1".to_owned(), key: format!("device:{}:{}", value.id, row.revision) };
    let done = desk.write_as(call, operation, vec![Put::update(&row.with(value), action)?], &Reply::nothing()).await?;
    Ok(!done.replayed)
}

/// As whoever let it in wrote it: the merchant, then the scopes.
fn approval(text: &str) -> Option<(Id<Merchant>, Scopes)> {
    let (tenant, scopes) = text.split_once(' ')?;
    Some((tenant.parse().ok()?, Scopes::read(scopes)))
}

fn refused(error: OauthErrorCode, why: &str) -> Result<Reply, Denial> {
    Ok(Reply::with(400, &OauthError { error, error_description: why.to_owned() })?)
}
