//! `POST /v1/oauth/device/code`.

use std::time::Duration;

use farebox_api::{DeviceAuthorization, DeviceCodeRequest};
use farebox_store::{
    OperationKey,
    billing::{DeviceCode, DeviceState, Put},
};
use uuid::Uuid;

use super::{
    super::{
        desk::Desk,
        edge::{Call, Denial, Reply},
    },
    body, code, hash,
};
use crate::keys::Scope;

/// Anybody may ask for a code: the trail says what was decided, not that somebody asked.
const UNSAID: &str = "";
const LIFETIME_SECONDS: u32 = 600;
const INTERVAL_SECONDS: u32 = 5;

pub(in crate::billing) async fn device_code(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let request: DeviceCodeRequest = body(call)?;
    let client = request.client_id;
    if client.is_empty() || client.len() > 100 || client.chars().any(char::is_control) {
        return Err(Denial::member("/client_id", "must have 1 to 100 visible characters"));
    }
    let scopes = request.scope.unwrap_or_else(|| Scope::All.to_string());
    if scopes.is_empty() || scopes.split(' ').any(|scope| scope.parse::<Scope>().is_err()) {
        return Err(Denial::member("/scope", "must be scopes between single spaces"));
    }
    let (device, user) = (code::secret()?, code::typed()?);
    let row = DeviceCode {
        id: Uuid::now_v7(),
        device_hash: hash(&device),
        user_code: user.clone(),
        scopes,
        client,
        state: DeviceState::Pending,
        approved_by: None,
        interval_seconds: INTERVAL_SECONDS,
        polled_at: None,
        expires_at: call.at.after(Duration::from_secs(u64::from(LIFETIME_SECONDS))),
    };
    let operation = OperationKey { scope: "v1".to_owned(), key: format!("device:{}", row.id) };
    desk.write_as(call, operation, vec![Put::new(&row, UNSAID)?], &Reply::nothing()).await?;
    let page = format!("{}/device", desk.settings.public_url.as_deref().unwrap_or_default());
    Ok(Reply::ok(&DeviceAuthorization {
        device_code: device,
        verification_uri_complete: format!("{page}?code={user}"),
        verification_uri: page,
        user_code: user,
        expires_in: LIFETIME_SECONDS,
        interval: INTERVAL_SECONDS,
    })?)
}
