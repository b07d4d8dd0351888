//! The payer: one request, at most one payment.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use farebox_telemetry::{field, outcome};
use farebox_x402::{
    CreditsAccept, PaymentRequired,
    credits::{CODE_IN_USE, CODE_SPENT},
    header::{self, PAYMENT_REQUIRED},
};
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;

use crate::{
    Authorization, Budget, Paid, PayError, PayerBuilder, Request, RequestBuilder, Tries,
    answer::{self, Answer, Failed},
    backend::Backend,
    cache::Cache,
    challenge,
    wire::Wire,
};

/// What the caller decided.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) budget: Budget,
    pub(crate) tries: Tries,
    pub(crate) reusable: bool,
}

/// Sends requests and pays for them. Cheap to clone; clones share connections, budget and cached tokens.
#[derive(Clone)]
pub struct Payer {
    wire: Wire,
    backend: Backend,
    rules: Arc<Rules>,
    payments: Arc<AtomicU64>,
    cache: Cache,
}

/// What became of one try with a token.
enum Tried {
    Answered(Answer),
    Refused(Answer),
    Unsure { what: String, retry_after: Option<Duration>, sent: bool },
}

impl Payer {
    /// Starts setting one up.
    pub fn builder() -> PayerBuilder {
        PayerBuilder::default()
    }

    pub(crate) fn new(wire: Wire, backend: Backend, rules: Rules) -> Self {
        Self { wire, backend, rules: Arc::new(rules), payments: Arc::default(), cache: Cache::default() }
    }

    /// A GET request.
    pub fn get(&self, url: &str) -> RequestBuilder<'_> {
        self.request(Method::GET, url)
    }

    /// A POST request.
    pub fn post(&self, url: &str) -> RequestBuilder<'_> {
        self.request(Method::POST, url)
    }

    /// A request.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder<'_> {
        RequestBuilder::new(self, method, url)
    }

    /// Sends `request`; when the answer is 402, pays and sends it again, with one token however often that takes.
    /// Redirects are not followed: they are the answer.
    ///
    /// # Errors
    /// [`PayError`]; each kind says what it means for the money.
    pub async fn send(&self, request: Request) -> Result<Paid, PayError> {
        let first = self.wire.send(&request, None).await.map_err(|failed| self.unpaid(failed))?;
        if first.status() != StatusCode::PAYMENT_REQUIRED {
            return Ok(Paid::free(first));
        }
        let offer = challenge::read(&first, &request)?;
        let accept = challenge::choose(&offer, &request, &self.rules.budget)?;
        let token = self.token(&request, &offer, accept).await?;
        let authorization = Authorization::new(request, token, accept.plan_id.clone());
        self.present(authorization, false).await
    }

    /// Sends a request again with the token it already carries, after [`PayError::OutcomeUnknown`] or an answer that
    /// left it [`Paid::unspent`]. No new token is made; the payment has its effect at most once.
    ///
    /// # Errors
    /// As [`Payer::send`]; [`PayError::NotResumable`] for a reusable token.
    pub async fn resume(&self, authorization: Authorization) -> Result<Paid, PayError> {
        if !authorization.is_single_use() {
            return Err(PayError::NotResumable);
        }
        self.present(authorization, true).await
    }

    async fn token(
        &self,
        request: &Request,
        offer: &PaymentRequired,
        accept: &CreditsAccept,
    ) -> Result<HeaderValue, PayError> {
        let count = |made: u64| self.rules.budget.allows_payment(made).then_some(made.saturating_add(1));
        if self.payments.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count).is_err() {
            let why = "the budget's number of payments is used up";
            return Err(PayError::NothingPayable { why, offer: Box::new(offer.clone()) });
        }
        let reusable = self.rules.reusable;
        if reusable && let Some(token) = self.cache.get(&request.url, accept) {
            return Ok(token);
        }
        let minted = self.backend.mint(&self.wire, offer, accept, reusable).await;
        match &minted {
            Ok(token) if reusable => self.cache.put(&request.url, accept, token),
            Ok(_) => {}
            Err(_) => _ = self.payments.fetch_sub(1, Ordering::Relaxed),
        }
        minted
    }

    /// Sends the token until something is known. `resumed`: it was sent before.
    async fn present(&self, authorization: Authorization, resumed: bool) -> Result<Paid, PayError> {
        let mut sent_before = resumed;
        let mut done = 0;
        loop {
            done += 1;
            let (what, retry_after, sent) = match self.attempt(&authorization).await? {
                Tried::Answered(answer) => return Ok(paid(answer, authorization)),
                Tried::Refused(answer) => return Err(self.refused(&answer, &authorization, sent_before)),
                Tried::Unsure { what, retry_after, sent } => (what, retry_after, sent),
            };
            sent_before |= sent;
            tracing::debug!({ field::OUTCOME } = outcome::UNKNOWN, done, what, "payment");
            // A reusable token pays each time it arrives.
            let repeatable = authorization.is_single_use() || !sent;
            match self.rules.tries.wait(done, retry_after).filter(|_| repeatable) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => {
                    return Err(PayError::OutcomeUnknown { what, retry_after, authorization: authorization.into() });
                }
            }
        }
    }

    async fn attempt(&self, authorization: &Authorization) -> Result<Tried, PayError> {
        match self.wire.send(&authorization.request, Some(&authorization.token)).await {
            Ok(answer) => Ok(sort(answer)),
            Err(Failed::Network(error)) => {
                let what = if error.is_timeout() { "no answer in time" } else { "no answer" };
                Ok(Tried::Unsure { what: what.to_owned(), retry_after: None, sent: !error.is_connect() })
            }
            Err(Failed::TooLong(headers)) => {
                let receipt = answer::receipt(&headers).map(Box::new);
                Err(PayError::TooLong { limit: self.wire.max_answer(), receipt })
            }
        }
    }

    /// A refusal is final for this request. A token that is spent although no answer came back was spent by us.
    fn refused(&self, answer: &Answer, authorization: &Authorization, sent_before: bool) -> PayError {
        self.cache.forget(&authorization.token);
        let said: Said = serde_json::from_slice(answer.body()).unwrap_or_default();
        let offer = answer.headers().get(PAYMENT_REQUIRED);
        let offer: Option<Box<PaymentRequired>> = offer.and_then(|value| header::decode(value.as_bytes()).ok());
        let reason = said.message.or_else(|| offer.as_ref().and_then(|offer| offer.error.clone())).unwrap_or_default();
        let (code, reason) = (authorization.shown(&said.code.unwrap_or_default()), authorization.shown(&reason));
        tracing::debug!({ field::OUTCOME } = outcome::REFUSED, { field::CODE } = code, "payment");
        if sent_before && code == CODE_SPENT {
            return PayError::AnswerLost { reason };
        }
        PayError::Refused { code, reason, offer }
    }

    fn unpaid(&self, failed: Failed) -> PayError {
        match failed {
            Failed::Network(source) => PayError::Transport { during: "the request had no answer", source },
            Failed::TooLong(_) => PayError::TooLong { limit: self.wire.max_answer(), receipt: None },
        }
    }
}

impl fmt::Debug for Payer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payer").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// The parts of a seller's error body that are looked at.
#[derive(Default, Deserialize)]
struct Said {
    code: Option<String>,
    message: Option<String>,
}

fn sort(answer: Answer) -> Tried {
    let status = answer.status();
    let unsure = |answer: &Answer| Tried::Unsure {
        what: format!("the seller answered {}", status.as_u16()),
        retry_after: answer::retry_after(answer.headers()),
        sent: true,
    };
    let charged = answer::receipt(answer.headers()).is_some_and(|receipt| receipt.success);
    let code = || serde_json::from_slice::<Said>(answer.body()).ok().and_then(|said| said.code);
    match status {
        _ if charged => Tried::Answered(answer),
        StatusCode::PAYMENT_REQUIRED => Tried::Refused(answer),
        StatusCode::CONFLICT if code().as_deref() == Some(CODE_IN_USE) => unsure(&answer),
        _ if answer::is_unsure(status) => unsure(&answer),
        // Anything else is the seller's own answer, and one without success is not charged.
        _ => Tried::Answered(answer),
    }
}

fn paid(answer: Answer, authorization: Authorization) -> Paid {
    let paid = Paid::new(answer, authorization);
    let outcome = if paid.is_pending() { outcome::UNKNOWN } else { outcome::SETTLED };
    tracing::debug!({ field::OUTCOME } = outcome, status = paid.status().as_u16(), "payment");
    paid
}
