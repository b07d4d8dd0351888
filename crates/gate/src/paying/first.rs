//! Routes that are paid before they are served.

use std::sync::Arc;

use bytes::Bytes;
use farebox_telemetry::outcome;
use farebox_x402::Amount;
use http::{Request, Response};
use http_body::Body;
use tower::Service;

use super::{
    Paying, claiming, record, record_refusal,
    serving::Held,
    taking::{Unpaid, not_kept, take_first},
};
use crate::{
    actual,
    answer::{self, Own},
    answers::{Answer, Kept, Run},
    body::GateBody,
    context::PaymentContext,
    finish::Finish,
    flow::{Facts, Settled},
    work::{self, BoxError, Worked},
};

/// Money that was taken for an answer that is not made yet. Dropped, its claim is left to who brings the payment again.
pub(super) struct Paid {
    pub(super) settled: Settled,
    pub(super) run: Option<Run>,
    pub(super) request_id: String,
    pub(super) amount: Amount,
}

impl Paying {
    /// Takes the money, then runs the handler, whose answer goes out with the receipt whatever it is.
    pub(super) async fn settle_first<S, ReqB, ResB>(
        &self,
        held: Held,
        inner: S,
        request: Request<ReqB>,
    ) -> Result<Response<GateBody<ResB>>, S::Error>
    where
        S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        ReqB: Send + 'static,
        ResB: Body<Data = Bytes> + Send + 'static,
        ResB::Error: Into<BoxError>,
    {
        let taking = take_first(held, self.asking());
        if self.fare.streaming {
            return match Finish::new(taking).await {
                Ok(paid) => self.let_through(paid, inner, request).await,
                Err(unpaid) => Ok(answer::whole(self.unpaid(unpaid).await)),
            };
        }
        let (max_body, keeps) = (self.fare.max_body, !self.fare.replay.is_zero());
        // What is paid is made and kept, though its client may be gone: it may come again.
        let made = Finish::new(async move {
            match taking.await {
                Ok(paid) => Ok(paid.make(inner, request, max_body, keeps).await),
                Err(unpaid) => Err(unpaid),
            }
        });
        match made.await {
            Ok(made) => {
                record(outcome::SETTLED);
                made.map(answer::whole)
            }
            Err(unpaid) => Ok(answer::whole(self.unpaid(unpaid).await)),
        }
    }

    /// Runs the handler for what was paid before.
    pub(super) async fn serve_paid<S, ReqB, ResB>(
        &self,
        paid: Paid,
        inner: S,
        mut request: Request<ReqB>,
    ) -> Result<Response<GateBody<ResB>>, S::Error>
    where
        S: Service<Request<ReqB>, Response = Response<ResB>> + Send + 'static,
        S::Future: Send,
        S::Error: Send,
        ReqB: Send + 'static,
        ResB: Body<Data = Bytes> + Send + 'static,
        ResB::Error: Into<BoxError>,
    {
        let payer = paid.settled.receipt().payer.clone();
        let facts = Facts::paid(self.payment.clone(), paid.request_id.clone(), payer);
        request.extensions_mut().insert(PaymentContext::new(Arc::new(facts)));
        if self.fare.streaming {
            return self.let_through(paid, inner, request).await;
        }
        let (max_body, keeps) = (self.fare.max_body, !self.fare.replay.is_zero());
        record(outcome::SETTLED);
        Finish::new(paid.make(inner, request, max_body, keeps)).await.map(answer::whole)
    }

    async fn unpaid(&self, unpaid: Unpaid) -> Own {
        match unpaid {
            Unpaid::Refused(refused) => {
                record_refusal(refused.refusal());
                let denied = answer::unsettled(&self.quote, refused.refusal(), refused.receipt(), self.v1);
                self.deny(denied).await
            }
            Unpaid::Unknown(pending) => self.deny(*pending).await,
            Unpaid::NotKept => self.deny(answer::unavailable(&not_kept())).await,
        }
    }

    /// Lets an answer that is paid for through as it is made.
    async fn let_through<S, ReqB, ResB>(
        &self,
        paid: Paid,
        mut inner: S,
        request: Request<ReqB>,
    ) -> Result<Response<GateBody<ResB>>, S::Error>
    where
        S: Service<Request<ReqB>, Response = Response<ResB>>,
    {
        record(outcome::SETTLED);
        let settled = paid.close(None).await;
        match work::caught(inner.call(request)).await {
            Some(answer) => answer.map(|answer| settled.serve(answer.map(GateBody::passed))),
            None => Ok(answer::whole(settled.serve(failed_after_payment("the handler panicked")))),
        }
    }
}

impl Paid {
    /// Runs the handler to its end and keeps what it answers.
    async fn make<S, ReqB, ResB>(
        self,
        inner: S,
        request: Request<ReqB>,
        max_body: usize,
        keeps: bool,
    ) -> Result<Own, S::Error>
    where
        S: Service<Request<ReqB>, Response = Response<ResB>>,
        ResB: Body<Data = Bytes>,
        ResB::Error: Into<BoxError>,
    {
        let answer = paid_answer(inner, request, max_body).await?;
        let kept = keeps.then(|| claiming::answer_of(&answer)).flatten();
        Ok(self.close(kept).await.serve(answer))
    }

    /// The payment has its answer; kept or not, it pays for no other.
    async fn close(self, answer: Option<Answer>) -> Settled {
        let Self { settled, run, request_id, amount } = self;
        if let Some(mut run) = run {
            let receipt = Some(settled.receipt().clone());
            run.keep(&Kept { request_id, amount, answer, receipt }).await;
        }
        settled
    }
}

/// The handler's answer, whole, whatever it is.
async fn paid_answer<S, ReqB, ResB>(inner: S, request: Request<ReqB>, max_body: usize) -> Result<Own, S::Error>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    let mut answer = match work::run(inner, request, max_body).await {
        Worked::Succeeded(answer) => answer,
        Worked::Unsuccessful(answer) => match work::whole(answer, max_body).await {
            Ok(answer) => answer,
            Err(why) => failed_after_payment(&why),
        },
        Worked::Broken(why) => failed_after_payment(&why),
        Worked::Failed(error) => return Err(error),
    };
    drop(actual::take(&mut answer));
    Ok(answer)
}

fn failed_after_payment(why: &str) -> Own {
    tracing::error!("a paid answer could not be produced: {why}");
    answer::broken_after_payment()
}
