//! The payer: one request, at most one payment.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use farebox_types::Clock;
use farebox_x402::PaymentRequired;
use http::{Method, StatusCode};

use crate::{
    Authorization, Budget, Journal, Paid, PayError, PayerBuilder, Preview, Request, RequestBuilder, Tries,
    answer::Failed,
    backend::Backend,
    cache::Cache,
    challenge::{self, Challenge, Choice, Means},
    evm::Signer,
    pay::Chosen,
    wire::Wire,
};

/// What the caller decided.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    pub(crate) budget: Budget,
    pub(crate) tries: Tries,
    pub(crate) reusable: bool,
}

/// Sends requests and pays for them. Cheap to clone; clones share connections, budget, journal and cached tokens.
#[derive(Clone)]
pub struct Payer {
    pub(crate) wire: Wire,
    pub(crate) backend: Option<Backend>,
    pub(crate) signer: Option<Signer>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) journal: Journal,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) payments: Arc<AtomicU64>,
    pub(crate) cache: Cache,
}

impl Payer {
    /// Starts setting one up.
    pub fn builder() -> PayerBuilder {
        PayerBuilder::default()
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

    /// Sends `request`; when the answer is 402, pays and sends it again, with one payment however often that takes.
    /// Redirects are not followed: they are the answer.
    ///
    /// On chains, an authorization for the same method, URL and body that went out before and can still be settled is
    /// shown again, instead of signing another.
    ///
    /// # Errors
    /// [`PayError`]; each kind says what it means for the money.
    pub async fn send(&self, request: Request) -> Result<Paid, PayError> {
        if let Some(claim) = self.open_claim(&request, self.clock.now()) {
            return Box::pin(self.show_authorization(request, claim, true)).await;
        }
        let first = self.wire.send(&request, None).await.map_err(|failed| self.unpaid(failed))?;
        if first.status() != StatusCode::PAYMENT_REQUIRED {
            return Ok(Paid::free(first));
        }
        let challenge = challenge::read(&first)?;
        drop(first);
        match (self.choose(&challenge, &request)?, &self.backend, &self.signer) {
            (Choice::Credits(accept), Some(backend), _) => {
                Box::pin(self.pay_in_credits(backend, request, &challenge.offer, accept)).await
            }
            (Choice::Chain { offer, fare, terms }, _, Some(signer)) => {
                let chosen = Chosen { challenge: &challenge, offer, fare, terms };
                Box::pin(self.pay_on_chain(signer, request, chosen)).await
            }
            // Nothing is chosen that there are no means for.
            _ => Err(PayError::NothingPayable { denied: Vec::new(), offer: Box::new(challenge.offer.clone()) }),
        }
    }

    /// What [`Self::send`] would pay. The request is sent without a payment; nothing is signed.
    ///
    /// # Errors
    /// As [`Self::send`], before anything was paid.
    pub async fn preview(&self, request: Request) -> Result<Preview, PayError> {
        if let Some(fare) = self.journal.open_for(&request, self.clock.now()) {
            return Ok(Preview::Again(fare));
        }
        let first = self.wire.send(&request, None).await.map_err(|failed| self.unpaid(failed))?;
        if first.status() != StatusCode::PAYMENT_REQUIRED {
            return Ok(Preview::Free(Paid::free(first).into()));
        }
        let challenge = challenge::read(&first)?;
        Ok(match self.choose(&challenge, &request)? {
            Choice::Credits(accept) => Preview::Credits { plan: accept.plan_id.clone() },
            Choice::Chain { fare, .. } => Preview::Fare(fare),
        })
    }

    /// Sends a request again with the payment it already carries, after [`PayError::OutcomeUnknown`] or an answer that
    /// left it [`Paid::unspent`]. Nothing new is signed or minted; the payment has its effect at most once.
    ///
    /// # Errors
    /// As [`Payer::send`]; [`PayError::NotResumable`] for a reusable token, [`PayError::Over`] and
    /// [`PayError::InFlight`] on a chain.
    pub async fn resume(&self, authorization: Authorization) -> Result<Paid, PayError> {
        if let Some(id) = authorization.id() {
            return Box::pin(self.resume_on_chain(id, authorization.request.clone())).await;
        }
        if !authorization.is_single_use() {
            return Err(PayError::NotResumable);
        }
        Box::pin(self.show_token(authorization, true)).await
    }

    fn choose<'a>(&self, challenge: &'a Challenge, request: &Request) -> Result<Choice<'a>, PayError> {
        let means = Means { credits: self.backend.is_some(), wallet: self.signer.is_some() };
        let budget = &self.rules.budget;
        let now = self.clock.now();
        challenge::choose(challenge, request, budget, means, |fare| budget.allows(fare, &self.journal.spent(fare, now)))
    }

    /// Counts a payment against the budget's number of them.
    pub(crate) fn count_payment(&self, offer: &PaymentRequired) -> Result<(), PayError> {
        let budget = &self.rules.budget;
        let count = |made: u64| budget.allows_payment(made).then_some(made.saturating_add(1));
        match self.payments.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count) {
            Ok(_) => Ok(()),
            Err(_) => Err(PayError::NothingPayable { denied: vec![budget.used_up()], offer: Box::new(offer.clone()) }),
        }
    }

    /// A payment that nobody saw was none.
    pub(crate) fn uncount_payment(&self) {
        self.payments.fetch_sub(1, Ordering::Relaxed);
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
