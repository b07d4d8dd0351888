//! Verify and hold; run the handler; settle a success, release anything else; answer.

use std::sync::Arc;

use bytes::Bytes;
use farebox_engine::charge::Timing;
use farebox_telemetry::{field, outcome, redact};
use http::{Request, Response};
use http_body::Body;
use tower::Service;
use tracing::Span;

use super::{Paying, claiming::Turn, record, streaming};
use crate::{
    actual::{self, Actual, BadActual},
    answer::{self, Own},
    answers::Run,
    body::GateBody,
    finish::Finish,
    flow::{Declined, Presented, Verified},
    work::{self, BoxError, Worked},
};

/// A good payment in hand: its amount is reserved, and nobody else runs a handler for it.
pub(super) struct Held {
    pub(super) verified: Verified,
    pub(super) run: Option<Run>,
}

/// Serves a request that presents a payment.
pub(crate) async fn serve<S, ReqB, ResB>(
    paying: Box<Paying>,
    inner: S,
    request: Request<ReqB>,
) -> Result<Response<GateBody<ResB>>, S::Error>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    ReqB: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    ReqB::Error: Into<BoxError>,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    let (mut request, run) = match paying.claim(request).await {
        Turn::Run(request, run) => (request, run),
        Turn::Paid(request, paid) => return paying.serve_paid(*paid, inner, request).await,
        Turn::Over(answer) => return Ok(answer::whole(paying.answered(*answer).await)),
    };
    let verified = match paying.verify().await {
        Ok(verified) => verified,
        Err(declined) => {
            if let Some(run) = run {
                run.let_go().await;
            }
            return Ok(answer::whole(paying.deny(declined).await));
        }
    };
    let context = verified.context();
    if let Some(told) = &paying.told {
        told.after_verify(&context).await;
    }
    request.extensions_mut().insert(context);
    let held = Held { verified, run };
    match (paying.fare.timing, paying.fare.streaming) {
        (Timing::SettleFirst, _) => paying.settle_first(held, inner, request).await,
        (Timing::HoldRunSettle, true) => streaming::serve(paying, held, inner, request).await,
        (Timing::HoldRunSettle, false) => paying.serve_whole(held, inner, request).await,
    }
}

impl Paying {
    async fn verify(&self) -> Result<Verified, Own> {
        if let Some(told) = &self.told {
            told.before_verify(&self.quote.offer).await;
        }
        let presented = Presented::new(Arc::clone(&self.facilitator), self.payment.clone());
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

    async fn serve_whole<S, ReqB, ResB>(
        &self,
        mut held: Held,
        inner: S,
        request: Request<ReqB>,
    ) -> Result<Response<GateBody<ResB>>, S::Error>
    where
        S: Service<Request<ReqB>, Response = Response<ResB>>,
        ResB: Body<Data = Bytes>,
        ResB::Error: Into<BoxError>,
    {
        held.verified.begin();
        let answer = match work::run(inner, request, self.fare.max_body).await {
            Worked::Succeeded(mut answer) => match self.measure(&mut held.verified, actual::take(&mut answer)) {
                Ok(()) => return Ok(answer::whole(self.conclude(held, answer).await)),
                Err(bad) => {
                    tracing::error!("nothing was charged: the handler reports no amount: {bad}");
                    Ok(answer::whole(self.deny(answer::broken()).await))
                }
            },
            worked => self.unsuccessful(worked).await,
        };
        held.release().await;
        answer
    }

    /// The answer to a request whose handler has not succeeded.
    pub(super) async fn unsuccessful<ResB, E>(&self, worked: Worked<ResB, E>) -> Result<Response<GateBody<ResB>>, E> {
        match worked {
            Worked::Succeeded(answer) => Ok(answer::whole(answer)),
            Worked::Unsuccessful(mut answer) => {
                drop(actual::take(&mut answer));
                Ok(answer.map(GateBody::passed))
            }
            Worked::Failed(error) => Err(error),
            Worked::Broken(why) => {
                tracing::error!("nothing was charged: {why}");
                Ok(answer::whole(self.deny(answer::broken()).await))
            }
        }
    }

    /// Takes over what the handler says a metered request comes to, in its answer or by its meter. What it says about
    /// another is not asked.
    pub(super) fn measure(
        &self,
        verified: &mut Verified,
        reported: Option<Result<Actual, BadActual>>,
    ) -> Result<(), BadActual> {
        let way = self.quote.ways.get(self.payment.accept);
        let Some(way) = way.filter(|way| way.is_metered()) else { return Ok(()) };
        let counted = || verified.context().meter().count().map(|units| Ok(Actual::Units(units)));
        if let Some(reported) = reported.or_else(counted) {
            verified.charge(actual::charged(&reported?, way)?);
        }
        Ok(())
    }

    /// An answer that is the payment's own from before goes out as it is; a denial is told.
    async fn answered(&self, answer: Own) -> Own {
        if answer.status().is_success() { answer } else { self.deny(answer).await }
    }
}

impl Held {
    /// Gives the amount back; the payment may be brought again.
    pub(super) async fn release(self) {
        record(outcome::RELEASED);
        self.verified.release().await;
        if let Some(run) = self.run {
            run.let_go().await;
        }
    }
}
