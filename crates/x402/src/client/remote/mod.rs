//! A client of any facilitator of x402 or t402: the Python facilitator client of t402, in Rust.
//!
//! | Python | here |
//! |---|---|
//! | `FacilitatorClient(FacilitatorConfig(url=…, timeout=30.0))` | [`FacilitatorClient::new`]`(`[`FacilitatorConfig::new`]`(url))`; 30 s unless said |
//! | `api_key=None` | [`FacilitatorConfig::api_key`]: sent as `X-API-Key` |
//! | (its SDK) `create_headers` | [`FacilitatorConfig::headers`]: asked anew for every call, a header map for each |
//! | `await client.get_supported()` | [`FacilitatorClient::supported`] |
//! | `for kind in supported.kinds: kind.scheme, kind.network` | [`Supported::kinds`](crate::facilitation::Supported::kinds), the same |
//! | `kind.signers` | [`Supported::signers`](crate::facilitation::Supported::signers): on the wire they stand beside the kinds |
//! | `await client.verify(payload, requirements)` | [`FacilitatorClient::verify`] |
//! | `result.is_valid`, `result.invalid_reason` | the same members of [`VerifyResponse`] |
//! | `await client.settle(payload, requirements, idempotency_key="…")` | [`FacilitatorClient::settle`]`(…, Some("…"))` |
//! | `result.success`, `.transaction`, `.network`, `.error_reason` | the same members of [`SettleResponse`] |
//! | `PaymentRequirements(…, max_amount_required=…, pay_to=…)` | [`Requirements`], whose `amount` reads under either name |
//! | `PaymentPayload(t402_version=2, …)` | [`PaymentPayload::v2`]; the signature stands inside `payload`, as it does on the wire |
//! | `PaymentRequiredResponse(…)` | [`PaymentRequired`](crate::PaymentRequired) |
//! | `asyncio.gather(*tasks)` | calls take `&self` and share their connections: join as many as you like |
//! | `except NetworkError` / `except FacilitatorError` | [`FacilitatorError::Network`] / [`FacilitatorError::Facilitator`] |
//!
//! A business answer with a status other than 200 is an answer: some facilitators say 400, 402, 412 or 422 with the same
//! body. An outage (401, 404, 429, 5xx) never is, whatever its body says.

mod config;
mod error;
mod http;

use std::{fmt, sync::Arc, time::Duration};

use ::http::{HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::http::{Answer, Line};
pub use self::{
    config::{CallHeaders, FacilitatorConfig},
    error::FacilitatorError,
};
use super::BadConfig;
use crate::{
    PaymentPayload, Requirements,
    facilitation::{Question, SettleResponse, Supported, VerifyResponse},
};

/// A facilitator over HTTP. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct FacilitatorClient {
    line: Arc<Line>,
}

/// The calls, each with headers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Verify,
    Settle,
    Supported,
    Discovery,
}

/// How often `/supported` is asked again after 429.
const PATIENCE: u32 = 3;

impl FacilitatorClient {
    /// A client; nothing is sent.
    ///
    /// # Errors
    /// [`BadConfig`] for an address or a key that cannot be used.
    pub fn new(config: FacilitatorConfig) -> Result<Self, BadConfig> {
        Ok(Self { line: Arc::new(Line::new(config)?) })
    }

    /// What the facilitator can settle. Asked again up to three times when it answers 429, as late as it says.
    ///
    /// # Errors
    /// [`FacilitatorError`].
    pub async fn supported(&self) -> Result<Supported, FacilitatorError> {
        for tried in 0..=PATIENCE {
            let answer = self.line.get(Call::Supported, "/supported").await?;
            if answer.status != StatusCode::TOO_MANY_REQUESTS || tried == PATIENCE {
                return read(&answer, |_| false);
            }
            let pause = answer.retry_after.unwrap_or(Duration::from_secs(1 << tried));
            tokio::time::sleep(pause.min(LONGEST_PAUSE)).await;
        }
        Err(FacilitatorError::unreadable(StatusCode::TOO_MANY_REQUESTS, &[]))
    }

    /// Checks a payment; moves nothing.
    ///
    /// # Errors
    /// [`FacilitatorError`]: the payment was not judged.
    pub async fn verify(
        &self,
        payload: &PaymentPayload,
        requirements: &Requirements,
    ) -> Result<VerifyResponse, FacilitatorError> {
        self.ask_verify(&Question::new(payload, requirements)).await
    }

    pub(super) async fn ask_verify(&self, question: &Question<'_>) -> Result<VerifyResponse, FacilitatorError> {
        let body = question.to_json(self.line.flavour()).into();
        read(&self.line.post(Call::Verify, body, None).await?, is_business)
    }

    /// Takes the money. With a key (1 to 64 of `A–Z a–z 0–9 - _`) a repeat joins the first call instead of paying twice,
    /// where the facilitator keeps keys; the payment's own nonce keeps it from paying twice anywhere.
    ///
    /// # Errors
    /// [`FacilitatorError`]: unless [`FacilitatorError::is_unsent`], the money may have moved. Ask again with the same
    /// payment and key.
    pub async fn settle(
        &self,
        payload: &PaymentPayload,
        requirements: &Requirements,
        idempotency_key: Option<&str>,
    ) -> Result<SettleResponse, FacilitatorError> {
        self.ask_settle(&Question::new(payload, requirements), idempotency_key).await
    }

    pub(super) async fn ask_settle(
        &self,
        question: &Question<'_>,
        idempotency_key: Option<&str>,
    ) -> Result<SettleResponse, FacilitatorError> {
        let key = idempotency_key.map(key_header).transpose()?;
        let body = question.to_json(self.line.flavour()).into();
        read(&self.line.post(Call::Settle, body, key).await?, is_business)
    }

    /// One page of what the facilitator knows to be for sale: `query` as in `limit=20&offset=0`, without `?`.
    ///
    /// # Errors
    /// [`FacilitatorError`].
    pub async fn resources(&self, query: &str) -> Result<Value, FacilitatorError> {
        let path = format!("/discovery/resources?{query}");
        let answer = self.line.get(Call::Discovery, &path).await?;
        read(&answer, |_| false)
    }

    /// Where it is, for logs.
    #[must_use]
    pub fn url(&self) -> &str {
        self.line.url()
    }
}

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Statuses under which facilitators say that a payment is no good.
fn is_business(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 402 | 412 | 422)
}

fn read<T: DeserializeOwned>(answer: &Answer, also: fn(StatusCode) -> bool) -> Result<T, FacilitatorError> {
    let readable = answer.status.is_success() || also(answer.status);
    let parsed = readable.then(|| serde_json::from_slice(&answer.body).ok()).flatten();
    parsed.ok_or_else(|| match answer.status.is_success() {
        true => FacilitatorError::unreadable(answer.status, &answer.body),
        false => FacilitatorError::answered(answer.status, &answer.body, answer.retry_after),
    })
}

fn key_header(key: &str) -> Result<HeaderValue, FacilitatorError> {
    let good = (1..=64).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    good.then(|| HeaderValue::try_from(key).ok()).flatten().ok_or(FacilitatorError::IdempotencyKey)
}

impl fmt::Debug for FacilitatorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FacilitatorClient").field("url", &self.url()).finish_non_exhaustive()
    }
}
