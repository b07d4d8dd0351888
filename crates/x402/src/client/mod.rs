//! [`Facilitator`]s reached over HTTP: the credits backend of another process ([`CreditsClient`]), and facilitators of x402
//! and t402 ([`FacilitatorClient`], and [`ChainFacilitator`] for a gate).
//!
//! How an answer is read decides between a business refusal and a [`Fault`], and what a repeat may do.

mod call;
mod chain;
mod endpoint;
mod pool;
mod reading;
mod remote;

use std::fmt;

use async_trait::async_trait;
use farebox_types::Secret;

use self::{
    call::{Call, Terms},
    endpoint::Endpoint,
    reading::{Effect, Reading, Said},
};
pub use self::{
    chain::ChainFacilitator,
    endpoint::{BadConfig, ClientOptions},
    pool::{Pool, pool},
    reading::CODE_UNSPECIFIED,
    remote::{CallHeaders, FacilitatorClient, FacilitatorConfig, FacilitatorError},
};
use crate::{
    Facilitator, Fault, Hold, Payment, Receipt, Retry, Settlement, Verdict, Verified,
    credits::{ReleaseAnswer, VerifyAnswer},
};

/// A credits backend over HTTP. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct CreditsClient {
    endpoint: Endpoint,
}

impl CreditsClient {
    /// A client of the backend at `base_url` (`http` or `https`), with the seller's API key and default limits.
    ///
    /// # Errors
    /// [`BadConfig`], before anything is sent.
    pub fn new(base_url: &str, api_key: Secret) -> Result<Self, BadConfig> {
        Self::with_options(base_url, api_key, ClientOptions::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// [`BadConfig`], before anything is sent.
    pub fn with_options(base_url: &str, api_key: Secret, options: ClientOptions) -> Result<Self, BadConfig> {
        Ok(Self { endpoint: Endpoint::new(base_url, api_key, options)? })
    }

    fn reading<'a>(&'a self, call: Call, payment: &'a Payment, effect: Effect) -> Reading<'a> {
        Reading { call, effect, secrets: [&payment.token, self.endpoint.api_key()] }
    }

    async fn ask(&self, payment: &Payment, terms: Terms<'_>, reading: &Reading<'_>) -> Result<Said, Fault> {
        let amount = payment.amount.credits().ok_or_else(not_credits)?;
        let body = call::body(payment, amount, terms);
        reading.sort(self.endpoint.post(reading.call, body, reading.effect.may_repeat()).await)
    }
}

#[async_trait]
impl Facilitator for CreditsClient {
    async fn verify(&self, payment: &Payment, hold: Option<Hold>) -> Result<Verdict, Fault> {
        let effect = if hold.is_some() { Effect::Hold } else { Effect::Nothing };
        let reading = self.reading(Call::Verify, payment, effect);
        let body = match self.ask(payment, Terms::verify(hold), &reading).await? {
            Said::Done(body) => body,
            Said::Refused(refusal) => return Ok(Verdict::Refused(refusal)),
        };
        let answer: VerifyAnswer = reading.parse(&body)?;
        if !answer.is_valid {
            return Ok(Verdict::Refused(
                reading.refusal(answer.invalid_code.as_deref(), answer.invalid_reason.as_deref()),
            ));
        }
        // Without its name a charge could be settled twice, so an answer without one is no answer.
        let named = answer.agent_request_id.filter(|id| !id.is_empty());
        let request_id = named.ok_or_else(|| reading.unreadable("no agentRequestId"))?;
        Ok(Verdict::Valid(Verified { request_id, payer: answer.payer, agent_request: answer.agent_request }))
    }

    async fn settle(&self, payment: &Payment, request_id: &str) -> Result<Settlement, Fault> {
        let reading = self.reading(Call::Settle, payment, Effect::Named);
        let body = match self.ask(payment, Terms::of(request_id), &reading).await? {
            Said::Done(body) => body,
            Said::Refused(refusal) => return Ok(Settlement::Refused(refusal)),
        };
        let receipt: Receipt = reading.parse(&body)?;
        if receipt.success {
            return Ok(Settlement::Settled(receipt));
        }
        Ok(Settlement::Refused(reading.refusal(None, receipt.error_reason.as_deref())))
    }

    async fn release(&self, payment: &Payment, request_id: &str) -> Result<(), Fault> {
        let reading = self.reading(Call::Release, payment, Effect::Named);
        match self.ask(payment, Terms::of(request_id), &reading).await? {
            Said::Done(body) => reading.parse::<ReleaseAnswer>(&body).map(drop),
            Said::Refused(refusal) => Err(reading.refused_release(&refusal)),
        }
    }
}

fn not_credits() -> Fault {
    Fault {
        what: "a payment on a chain was brought to a credits backend".to_owned(),
        retry: Retry::Never,
        source: None,
    }
}

impl fmt::Debug for CreditsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreditsClient").field("endpoint", &self.endpoint.base_url()).finish_non_exhaustive()
    }
}
