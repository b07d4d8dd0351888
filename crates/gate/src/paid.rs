//! One request that presents a payment, from the header to the answer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use farebox_engine::charge::{Answer, UnknownPolicy};
use farebox_telemetry::{field, outcome, redact, span};
use farebox_x402::{Accept, Facilitator, Payment, Refusal, Retry, UPTO, credits::CODE_IN_USE};
use http::{HeaderMap, Request, Response};
use http_body::Body;
use tower::Service;
use tracing::{Instrument, Span, field::Empty};

use crate::{
    actual::{self, Actual, BadActual},
    answer::{self, Own},
    body::{GateBody, Whole},
    fare::Fare,
    finish::Finish,
    flow::{Declined, Outcome, Presented, Verified},
    gate::Gate,
    headers::{Unreadable, take_payment},
    matching,
    menu::Quote,
    rails::Rails,
    reconcile,
    reservation::{self, Reservation, Taken},
    settle::settle,
    work::{self, BoxError, Worked},
};

/// A request's payment, and what it is for.
pub(crate) struct Paying {
    facilitator: Arc<dyn Facilitator>,
    fare: Arc<Fare>,
    quote: Quote,
    payment: Payment,
    /// Whether the payer speaks version 1.
    v1: bool,
}

/// The code of a payment that has paid for an answer before.
const SPENT: &str = "duplicate_settlement";

/// Asks what the offer must say, then goes on as with any request.
pub(crate) async fn asking<S, ReqB, ResB>(
    gate: Gate,
    fare: Arc<Fare>,
    (verb, path): (String, String),
    inner: S,
    mut request: Request<ReqB>,
) -> Result<Response<GateBody<ResB>>, S::Error>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    let quote = match fare.ask(gate.rails()).await {
        Ok(menu) => menu.quote(&verb, &path),
        Err(fault) => {
            tracing::error!(route = &*fare.label, source = fault.source.as_deref(), "nothing can be offered: {fault}");
            return Ok(answer::whole(answer::unavailable(&fault)));
        }
    };
    match Paying::read(gate.rails(), fare, quote, request.headers_mut()) {
        Err(answer) => Ok(answer::whole(*answer)),
        Ok(paying) => {
            let span = paying.span();
            serve(paying, inner, request).instrument(span).await
        }
    }
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
        Worked::Succeeded(mut answer) => match paying.measure(&mut verified, actual::take(&mut answer)) {
            Ok(()) => return Ok(answer::whole(paying.conclude(verified, answer).await)),
            Err(bad) => {
                tracing::error!("nothing was charged: the handler reports no amount: {bad}");
                Ok(answer::whole(answer::broken()))
            }
        },
        Worked::Unsuccessful(mut answer) => {
            drop(actual::take(&mut answer));
            Ok(answer.map(GateBody::passed))
        }
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
    /// Reads the payment a request presents, or says what the request gets instead.
    pub(crate) fn read(
        rails: &Rails,
        fare: Arc<Fare>,
        quote: Quote,
        headers: &mut HeaderMap,
    ) -> Result<Self, Box<Own>> {
        let token = match take_payment(headers, quote.is_on_chain()) {
            Some(Ok(token)) => token,
            None => return Err(answer::unpaid(quote).into()),
            Some(Err(Unreadable(why))) => return Err(answer::unreadable(&quote, why).into()),
        };
        let payment = match matching::payment(&quote, token, rails) {
            Ok(payment) => payment,
            Err(refusal) => {
                tracing::debug!(code = &*refusal.code, "the payment was refused: {}", refusal.reason);
                return Err(answer::refused(&quote, &refusal).into());
            }
        };
        let rail = payment.accepted().and_then(|accept| rails.for_accept(accept)).map(Arc::clone);
        let Some(facilitator) = rail else {
            return Err(answer::unreadable(&quote, "there is nobody to check this payment").into());
        };
        let v1 = matching::is_written_in_v1(&payment);
        Ok(Self { facilitator, fare, quote, payment, v1 })
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

    async fn verify(&self) -> Result<Verified, Own> {
        let reservation = self.reserve().map_err(|refusal| self.refuse(&refusal))?;
        let presented = Presented::new(Arc::clone(&self.facilitator), self.payment.clone()).in_hand(reservation);
        // If the client leaves meanwhile, the hold that may come of this is given back when it is dropped.
        let verified = match Finish::new(presented.verify(self.fare.hold())).await {
            Ok(verified) => verified,
            Err(Declined::Refused(refusal)) => return Err(self.refuse(&refusal)),
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

    fn refuse(&self, refusal: &Refusal) -> Own {
        record_refusal(refusal);
        answer::refused(&self.quote, refusal)
    }

    /// Takes a payment on a chain in hand: there is nobody else who could hold it.
    fn reserve(&self) -> Result<Option<Reservation>, Refusal> {
        let (Some(payload), Some(Accept::Chain(own))) = (&self.payment.payload, self.payment.accepted()) else {
            return Ok(None);
        };
        let refused = |code: &str, reason: &str| Refusal { code: code.to_owned(), reason: reason.to_owned() };
        let identity = payload.identity(&own.asset).ok_or_else(|| {
            refused("invalid_payload", "the payment must carry one authorization, with payer and nonce")
        })?;
        match reservation::reserve(identity.key, Duration::from_secs(own.max_timeout_seconds)) {
            Ok(reservation) => Ok(Some(reservation)),
            Err(Taken::InUse) => Err(refused(CODE_IN_USE, "another request is using this payment")),
            Err(Taken::Spent) => Err(refused(SPENT, "this payment has paid for an answer already")),
        }
    }

    /// Takes over what the handler says an `upto` request comes to. What it says about another is not asked.
    fn measure(&self, verified: &mut Verified, reported: Option<Result<Actual, BadActual>>) -> Result<(), BadActual> {
        let way = self.quote.ways.get(self.payment.accept).and_then(|way| way.chain());
        let Some(way) = way.filter(|way| way.requirements.scheme == UPTO) else { return Ok(()) };
        if let Some(reported) = reported {
            verified.charge(actual::charged(&reported?, way)?);
        }
        Ok(())
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
                answer::unsettled(&self.quote, refused.refusal(), refused.receipt(), self.v1)
            }
            Outcome::Unknown(unknown) => {
                record(outcome::UNKNOWN);
                let fault = unknown.fault();
                // Only what may yet be paid is served in doubt; a facilitator that will never take it is none to trust.
                let policy = if fault.retry == Retry::Never { UnknownPolicy::Withhold } else { self.fare.on_unknown };
                tracing::error!(%policy, source = fault.source.as_deref(), "settling has no known outcome: {fault}");
                let answer = match unknown.answer(policy) {
                    Answer::ServePending => unknown.serve_pending(answer),
                    _ => answer::pending(fault, &unknown.receipt(), self.v1),
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
