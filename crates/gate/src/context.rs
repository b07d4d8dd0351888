//! What a handler may know about the payment behind its request.

use std::{fmt, sync::Arc};

use farebox_telemetry::redact;
use farebox_types::{Quantity, Secret};
use farebox_x402::{Accept, Amount, Offer};

use crate::{agent::AgentRequest, flow::Facts, meter::Meter};

/// The payment behind a request: in its extensions, and with feature `axum` an extractor. Cheap to clone.
///
/// While the handler runs the amount is reserved, not taken.
#[derive(Clone)]
pub struct PaymentContext {
    facts: Arc<Facts>,
}

impl PaymentContext {
    pub(crate) const fn new(facts: Arc<Facts>) -> Self {
        Self { facts }
    }

    /// What the payer presented. A bearer token: whoever holds it can spend.
    #[must_use]
    pub fn token(&self) -> Secret {
        Secret::new(self.facts.payment.token.as_ref().to_owned())
    }

    /// What was offered for this request.
    #[must_use]
    pub fn offer(&self) -> &Offer {
        &self.facts.payment.required
    }

    /// What will be taken if the handler succeeds; for `upto` the most it may be. Its `Display` is the number alone.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.facts.payment.amount
    }

    /// The same, if it is in credits.
    #[must_use]
    pub fn credits(&self) -> Option<Quantity> {
        self.amount().credits()
    }

    /// Which of the offered ways is being paid.
    #[must_use]
    pub fn accepted(&self) -> Option<&Accept> {
        self.facts.payment.accepted()
    }

    /// Names the charge, in logs and at the facilitator.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.facts.found.request_id
    }

    /// Who pays.
    #[must_use]
    pub fn payer(&self) -> Option<&str> {
        self.facts.found.payer.as_deref()
    }

    /// Counts what a metered request uses; anybody else's is not asked.
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.facts.meter.clone()
    }

    /// The agent behind the route, if the backend knows of one; [`Observability`](crate::Observability) makes headers of it.
    #[must_use]
    pub fn agent_request(&self) -> Option<AgentRequest<'_>> {
        self.facts.found.agent_request.as_ref().map(AgentRequest::new)
    }
}

impl fmt::Debug for PaymentContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaymentContext")
            .field("amount", &self.amount())
            .field("request_id", &self.request_id())
            .field("payer", &self.payer().map(redact))
            .finish_non_exhaustive()
    }
}
