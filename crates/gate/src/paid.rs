//! One request that presents a payment, from the header to the answer.

use std::sync::Arc;

use bytes::Bytes;
use farebox_engine::charge::{Answer, UnknownPolicy};
use farebox_telemetry::{field, outcome, redact, span};
use farebox_x402::{Facilitator, Refusal, Retry};
use http::{Request, Response};
use http_body::Body;
use tower::Service;
use tracing::{Span, field::Empty};

use crate::{
    answer::{self, Own},
    body::{GateBody, Whole},
    fare::{Fare, Quote},
    finish::Finish,
    flow::{Declined, Offered, Outcome, Verified},
    reconcile,
    settle::settle,
    work::{self, BoxError, Worked},
};

/// A request's payment, and what it is for.
pub(crate) struct Paying {
    pub(crate) facilitator: Arc<dyn Facilitator>,
    pub(crate) fare: Arc<Fare>,
    pub(crate) quote: Quote,
    pub(crate) token: Arc<str>,
}

/// Verify and hold; run the handler; settle a success, release anything else; answer.
pub(crate) async fn serve<S, ReqB, ResB>(
    paying: Paying,
    inner: S,
    mut request: Request<ReqB>,
) -> Result<Response<GateBody<ResB>>, S::Error>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    let mut verified = match paying.verify().await {
        Ok(verified) => verified,
        Err(declined) => return Ok(answer::whole(declined)),
    };
    request.extensions_mut().insert(verified.context());
    verified.begin();
    let answer = match work::run(inner, request, paying.fare.max_body).await {
        Worked::Succeeded(answer) => return Ok(answer::whole(paying.conclude(verified, answer).await)),
        Worked::Unsuccessful(answer) => Ok(answer.map(GateBody::passed)),
        Worked::Failed(error) => Err(error),
        Worked::Broken(why) => {
            tracing::error!("nothing was charged: {why}");
            Ok(answer::whole(answer::broken()))
        }
    };
    record(outcome::RELEASED);
    verified.release().await;
    answer
}

impl Paying {
    /// The span every step of this payment is in.
    pub(crate) fn span(&self) -> Span {
        tracing::info_span!(
            span::PAID_REQUEST,
            { field::ROUTE } = &*self.fare.label,
            { field::CREDITS } = %self.fare.price.amount(),
            { field::REQUEST_ID } = Empty,
            { field::PAYER } = Empty,
            { field::OUTCOME } = Empty,
            { field::CODE } = Empty,
        )
    }

    async fn verify(&self) -> Result<Verified, Own> {
        let facilitator = Arc::clone(&self.facilitator);
        let offered = Offered::new(facilitator, Arc::clone(&self.quote.offer), self.fare.price.amount());
        // If the client leaves meanwhile, the hold that may come of this is given back when it is dropped.
        let verifying = Finish::new(offered.present(Arc::clone(&self.token)).verify(self.fare.hold()));
        let verified = match verifying.await {
            Ok(verified) => verified,
            Err(Declined::Refused(refusal)) => {
                record_refusal(&refusal);
                return Err(answer::refused(&self.quote, &refusal));
            }
            Err(Declined::Fault(fault)) => {
                record(outcome::UNAVAILABLE);
                tracing::error!(retry = ?fault.retry, source = fault.source.as_deref(), "verify failed: {fault}");
                return Err(answer::unavailable(&fault));
            }
        };
        let context = verified.context();
        let span = Span::current();
        span.record(field::REQUEST_ID, context.request_id());
        if let Some(payer) = context.payer() {
            span.record(field::PAYER, tracing::field::display(redact(payer)));
        }
        Ok(verified)
    }

    /// Settles to the end, whether or not the client still waits.
    async fn conclude(&self, verified: Verified, answer: Response<Whole>) -> Own {
        match Finish::new(settle(verified)).await {
            Outcome::Settled(settled) => {
                record(outcome::SETTLED);
                settled.serve(answer)
            }
            Outcome::Refused(refused) => {
                record_refusal(refused.refusal());
                answer::unsettled(&self.quote, refused.refusal(), refused.receipt())
            }
            Outcome::Unknown(unknown) => {
                record(outcome::UNKNOWN);
                let fault = unknown.fault();
                // Only what may yet be paid is served in doubt; a facilitator that will never take it is none to trust.
                let policy = if fault.retry == Retry::Never { UnknownPolicy::Withhold } else { self.fare.on_unknown };
                tracing::error!(%policy, source = fault.source.as_deref(), "settling has no known outcome: {fault}");
                let answer = match unknown.answer(policy) {
                    Answer::ServePending => unknown.serve_pending(answer),
                    _ => answer::pending(fault, &unknown.receipt()),
                };
                reconcile::later(unknown, policy);
                answer
            }
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
