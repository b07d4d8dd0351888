//! The device flow (RFC 8628): a program without a browser gets a token that somebody with one lets it have.

use std::time::Duration;

use farebox_api::{DeviceAuthorization, DeviceCodeRequest, OauthError, OauthErrorCode, OauthToken, TokenRequest};
use farebox_types::Secret;
use http::Method;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep_until};

use crate::{
    call::{Call, json, parse},
    client::Client,
    error::Error,
    forward::{Exchange, Forward},
    operation::{DEVICE_CODE, OAUTH_TOKEN},
    refused, watch,
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// What `slow_down` adds to the wait, by the RFC.
const SLOWER: Duration = Duration::from_secs(5);
/// However little the API asks for.
const SHORTEST: Duration = Duration::from_secs(1);

/// The device flow, for one named program.
#[derive(Debug, Clone, Copy)]
pub struct DeviceFlow<'a> {
    client: &'a Client,
    client_id: &'a str,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// Nobody has decided yet: ask again after the interval.
    #[error("nobody has decided yet")]
    Pending,
    /// Asked too soon: wait five seconds longer from now on.
    #[error("asked too soon")]
    SlowDown,
    /// Nobody decided in time: begin again.
    #[error("nobody decided in time: begin again")]
    ExpiredToken,
    /// Somebody said no.
    #[error("somebody said no")]
    AccessDenied,
    /// There is no such device code, or it has been used.
    #[error("the device code cannot be used")]
    InvalidGrant,
    /// Another answer of the flow: `invalid_request`, `unsupported_grant_type`.
    #[error("the request was not understood: {0}")]
    Protocol(String),
    /// The call itself failed.
    #[error(transparent)]
    Call(#[from] Error),
}

impl Client {
    /// The device flow, for a program of this name, which whoever decides is shown. Needs no token.
    ///
    /// ```no_run
    /// use farebox_client::Client;
    ///
    /// # async fn sign_in() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::public("https://billing.example").build()?;
    /// let flow = client.device_flow("my-cli");
    /// let device = flow.begin().await?;
    /// println!("open {} and type {}", device.verification_uri, device.user_code);
    /// let token = flow.wait(&device).await?;
    /// let client = Client::builder(token).base_url("https://billing.example").build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub const fn device_flow<'a>(&'a self, client_id: &'a str) -> DeviceFlow<'a> {
        DeviceFlow { client: self, client_id }
    }
}

impl DeviceFlow<'_> {
    /// Begins: the answer says what to show, and how often to ask.
    pub fn begin(self) -> Call<DeviceCodeRequest, DeviceAuthorization> {
        let body = DeviceCodeRequest { client_id: self.client_id.to_owned(), scope: None };
        Call::new(self.client, &DEVICE_CODE, DEVICE_CODE.path(&[]), body).keyless()
    }

    /// Asks once whether somebody has decided.
    ///
    /// # Errors
    /// [`DeviceError`] until there is a token. A token that is lost on its way cannot be asked for again: begin again.
    pub async fn poll(self, device_code: &str) -> Result<OauthToken, DeviceError> {
        let body = TokenRequest {
            grant_type: GRANT.to_owned(),
            device_code: device_code.to_owned(),
            client_id: self.client_id.to_owned(),
        };
        let context = watch::begin(&OAUTH_TOKEN, &watch::About::default(), None, self.client.mode());
        let path = OAUTH_TOKEN.endpoint;
        let call = Forward { method: Method::POST, path, body: Some(json(&body)?), idempotency_key: None };
        let answer = self.client.exchange(Exchange { call, endpoint: path, representation: false }).await;
        let result = answer.map_err(DeviceError::Call).and_then(|answer| {
            if answer.status.is_success() {
                return Ok(parse(&answer.body)?);
            }
            Err(error(&answer.body).unwrap_or_else(|| refused::read(&answer, self.client.now()).into()))
        });
        watch::end(&context, result.as_ref().err().and_then(DeviceError::call));
        result
    }

    /// Asks until somebody has decided, as often as the API wants to be asked.
    ///
    /// # Errors
    /// [`DeviceError`], but for those that only mean to wait. Failures of the network, too, mean to wait, and longer.
    pub async fn wait(self, device: &DeviceAuthorization) -> Result<Secret, DeviceError> {
        let mut interval = Duration::from_secs(u64::from(device.interval)).max(SHORTEST);
        let ends = Instant::now() + Duration::from_secs(u64::from(device.expires_in));
        loop {
            let next = Instant::now() + interval;
            if next > ends {
                return Err(DeviceError::ExpiredToken);
            }
            sleep_until(next).await;
            match self.poll(&device.device_code).await {
                Ok(token) => return Ok(Secret::new(token.access_token)),
                Err(error) => interval = error.next(interval)?,
            }
        }
    }
}

impl DeviceError {
    /// How long to wait before the next question; the error itself if there should be none.
    fn next(self, interval: Duration) -> Result<Duration, Self> {
        match self {
            Self::Pending => Ok(interval),
            Self::SlowDown => Ok(interval.saturating_add(SLOWER)),
            Self::Call(error) if error.is_retryable() => Ok(interval.saturating_mul(2)),
            other => Err(other),
        }
    }

    const fn call(&self) -> Option<&Error> {
        if let Self::Call(error) = self { Some(error) } else { None }
    }
}

fn error(body: &[u8]) -> Option<DeviceError> {
    let OauthError { error, error_description } = read(body)?;
    Some(match error {
        OauthErrorCode::AuthorizationPending => DeviceError::Pending,
        OauthErrorCode::SlowDown => DeviceError::SlowDown,
        OauthErrorCode::ExpiredToken => DeviceError::ExpiredToken,
        OauthErrorCode::AccessDenied => DeviceError::AccessDenied,
        OauthErrorCode::InvalidGrant => DeviceError::InvalidGrant,
        OauthErrorCode::InvalidRequest | OauthErrorCode::UnsupportedGrantType => {
            DeviceError::Protocol(error_description)
        }
    })
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

impl Call<DeviceCodeRequest, DeviceAuthorization> {
    /// What the token shall be able to do, words between spaces; everything that whoever decides may, unless said.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.body.scope = Some(scope.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_as_the_rfc_has_it() {
        let five = Duration::from_secs(5);
        assert_eq!(DeviceError::Pending.next(five).unwrap(), five);
        assert_eq!(DeviceError::SlowDown.next(five).unwrap(), Duration::from_secs(10));
        assert_eq!(DeviceError::Call(Error::Timeout).next(five).unwrap(), Duration::from_secs(10));
        for end in [DeviceError::ExpiredToken, DeviceError::AccessDenied, DeviceError::InvalidGrant] {
            assert!(end.next(five).is_err());
        }
        assert!(DeviceError::Call(Error::TooLong).next(five).is_err());
    }
}
