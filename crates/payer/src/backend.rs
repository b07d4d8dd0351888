//! The buyer's credits backend: the only place tokens come from.

use std::sync::Arc;

use farebox_types::Secret;
use farebox_x402::{
    CreditsAccept, PaymentRequired,
    credits::{API_PREFIX, ErrorBody, PermissionAnswer, PermissionRequest},
    plain_address,
};
use http::{HeaderValue, header::AUTHORIZATION};
use reqwest::Url;
use serde_json::{Value, json};

use crate::{
    BadSetup, PayError,
    answer::{self, Answer, Failed},
    authorization::{is_single_use, one_line},
    wire::Wire,
};

#[derive(Clone)]
pub(crate) struct Backend {
    permissions: Url,
    key: Arc<Secret>,
    bearer: HeaderValue,
    delegation: Option<Value>,
}

const LONGEST_ANSWER: usize = 64 * 1024;
const SINGLE_USE: u8 = 3;
const REUSABLE: u8 = 2;

impl Backend {
    pub(crate) fn new(base_url: &str, key: Secret, delegation: Option<&str>) -> Result<Self, BadSetup> {
        let base = plain_address(base_url).ok_or(BadSetup::Address)?;
        let permissions = format!("{base}{API_PREFIX}/x402/permissions");
        if key.expose().is_empty() {
            return Err(BadSetup::Key);
        }
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", key.expose())).map_err(|_| BadSetup::Key)?;
        bearer.set_sensitive(true);
        Ok(Self {
            permissions: permissions.parse().map_err(|_| BadSetup::Address)?,
            key: Arc::new(key),
            bearer,
            delegation: delegation.map(|id| json!({ "delegationId": id })),
        })
    }

    /// A token for `accept`: bound to the offer's resource and method and used once, or reusable. Minting moves no
    /// credits, so a lost answer costs nothing.
    pub(crate) async fn mint(
        &self,
        wire: &Wire,
        offer: &PaymentRequired,
        accept: &CreditsAccept,
        reusable: bool,
    ) -> Result<HeaderValue, PayError> {
        let request = PermissionRequest {
            accepted: accept.clone(),
            resource: (!reusable).then(|| offer.resource.clone()),
            token_version: Some(if reusable { REUSABLE } else { SINGLE_USE }),
            delegation_config: self.delegation.clone(),
        };
        let answer = self.ask(wire, &request).await?;
        if !answer.status().is_success() {
            return Err(self.refused(&answer));
        }
        let minted: PermissionAnswer = serde_json::from_slice(answer.body()).map_err(|_| unreadable())?;
        let mut token = HeaderValue::try_from(minted.access_token).map_err(|_| unreadable())?;
        token.set_sensitive(true);
        if token.is_empty() {
            return Err(unreadable());
        }
        if !reusable && !is_single_use(&token) {
            return Err(PayError::NotSingleUse);
        }
        Ok(token)
    }

    async fn ask(&self, wire: &Wire, request: &PermissionRequest) -> Result<Answer, PayError> {
        let call = wire.http().post(self.permissions.clone()).header(AUTHORIZATION, self.bearer.clone());
        let during = "the backend could not be asked for a token";
        let transport = |source: reqwest::Error| PayError::Transport { during, source: source.without_url() };
        let response = call.header("nevermined-version", "1.1").json(request).send().await.map_err(transport)?;
        answer::read(response, LONGEST_ANSWER).await.map_err(|failed| match failed {
            Failed::Network(source) => transport(source),
            Failed::TooLong(_) => unreadable(),
        })
    }

    fn refused(&self, answer: &Answer) -> PayError {
        let body = serde_json::from_slice::<ErrorBody>(answer.body()).ok();
        let shown = |text: String| if text.contains(self.key.expose()) { String::new() } else { one_line(&text) };
        let (code, message) = body.map(|body| (shown(body.code), shown(body.message))).unwrap_or_default();
        let code = if code.is_empty() { format!("http_{}", answer.status().as_u16()) } else { code };
        PayError::Backend { code, message }
    }
}

fn unreadable() -> PayError {
    PayError::Backend { code: "unreadable".to_owned(), message: "its answer holds no token".to_owned() }
}
