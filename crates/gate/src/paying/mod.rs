//! One request that presents a payment, from the header to the answer.

mod again;
mod arriving;
mod claiming;
mod concluding;
mod first;
mod serving;
mod streaming;
mod taking;

use std::sync::Arc;

use farebox_telemetry::{field, outcome, span};
use farebox_x402::{Facilitator, Payment, Refusal};
use http::Request;
use tracing::{Span, field::Empty};

pub(crate) use self::{
    arriving::{Arrival, arrive},
    claiming::OTHER_REQUEST,
    serving::serve,
    streaming::Streamed,
};
use crate::{
    answer::{self, Own},
    fare::Fare,
    gate::Gate,
    headers::{Unreadable, take_payment},
    hooks::Told,
    matching::{self, Matched},
    menu::Quote,
    paywall::{self, Visitor},
};

/// A request's payment, and what it is for.
pub(crate) struct Paying {
    gate: Gate,
    facilitator: Arc<dyn Facilitator>,
    fare: Arc<Fare>,
    quote: Quote,
    payment: Payment,
    /// Why it is only good for the answer it may have been given before.
    misfit: Option<Refusal>,
    /// Whether the payer speaks version 1.
    v1: bool,
    told: Option<Told>,
    visitor: Option<Visitor>,
}

impl Paying {
    /// Reads the payment a request presents, or says what the request gets instead.
    pub(crate) fn read<B>(
        gate: &Gate,
        fare: Arc<Fare>,
        quote: Quote,
        request: &mut Request<B>,
    ) -> Result<Box<Self>, Box<Own>> {
        let visitor = Visitor::of(gate, request);
        let deny = |answer| Box::new(paywall::shown(gate, &quote, visitor.as_ref(), answer));
        let token = match take_payment(request.headers_mut(), quote.is_on_chain()) {
            Some(Ok(token)) => token,
            None => return Err(deny(answer::unpaid(&quote))),
            Some(Err(Unreadable(why))) => return Err(deny(answer::unreadable(&quote, why))),
        };
        let rails = gate.rails();
        let Matched { payment, misfit } = match matching::payment(&quote, token, rails) {
            Ok(matched) => matched,
            Err(refusal) => {
                tracing::debug!(code = &*refusal.code, "the payment was refused: {}", refusal.reason);
                return Err(deny(answer::refused(&quote, &refusal)));
            }
        };
        let rail = payment.accepted().and_then(|accept| rails.for_accept(accept)).map(Arc::clone);
        let Some(facilitator) = rail else {
            return Err(deny(answer::unreadable(&quote, "there is nobody to check this payment")));
        };
        let v1 = matching::is_written_in_v1(&payment);
        Ok(Box::new(Self { gate: gate.clone(), facilitator, fare, quote, payment, misfit, v1, told: None, visitor }))
    }

    /// The same, where somebody wants to be told.
    fn telling(mut self: Box<Self>, told: Option<Told>) -> Box<Self> {
        self.told = told;
        self
    }

    /// The span every step of this payment is in.
    pub(crate) fn span(&self) -> Span {
        tracing::info_span!(
            span::PAID_REQUEST,
            { field::ROUTE } = &*self.fare.label,
            { field::CREDITS } = self.payment.amount.credits().map(tracing::field::display),
            { field::REQUEST_ID } = Empty,
            { field::PAYER } = Empty,
            { field::OUTCOME } = Empty,
            { field::CODE } = Empty,
        )
    }

    fn refuse(&self, refusal: &Refusal) -> Own {
        record_refusal(refusal);
        answer::refused(&self.quote, refusal)
    }

    /// What a request gets that is not served.
    async fn deny(&self, answer: Own) -> Own {
        let answer = paywall::shown(&self.gate, &self.quote, self.visitor.as_ref(), answer);
        match &self.told {
            Some(told) => told.payment_error(answer).await,
            None => answer,
        }
    }
}

fn record(outcome: &'static str) {
    Span::current().record(field::OUTCOME, outcome);
}

fn record_refusal(refusal: &Refusal) {
    record(outcome::REFUSED);
    Span::current().record(field::CODE, &*refusal.code);
    tracing::debug!(code = &*refusal.code, "the payment was refused: {}", refusal.reason);
}
