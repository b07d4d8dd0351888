//! Taking the money, and what goes out then.

use std::time::Duration;

use bytes::Bytes;
use farebox_engine::charge::{Answer as Goes, UnknownPolicy};
use farebox_telemetry::outcome;
use farebox_x402::{Fault, Retry};
use http::{Request, Response};
use http_body::Body;
use tower::Service;

use super::{Paying, claiming, record, record_refusal, serving::Held};
use crate::{
    actual,
    answer::{self, Own},
    answers::{Answer, Kept, Run},
    body::{GateBody, Whole},
    finish::Finish,
    flow::{Outcome, Settled, Unknown},
    hooks::Told,
    reconcile::{self, Open},
    settle::settle,
    work::{self, BoxError, Worked},
};

/// What became of the money; while nobody knows, the claim stays in hand.
pub(super) enum Taken {
    Settled(Settled),
    Refused(crate::flow::Refused),
    Unknown(Unknown, Option<Run>),
    /// The answer cannot be kept, so nothing was asked for.
    NotKept,
}

/// Keeps the answer, takes the money, and says so to whoever wants to know. Goes on to its end wherever it is awaited.
pub(super) async fn take(held: Held, answer: Option<Answer>, told: Option<Told>) -> Taken {
    let Held { verified, run } = held;
    let amount = verified.amount();
    let run = match run {
        None => None,
        Some(mut run) => {
            let kept = Kept { request_id: verified.request_id().to_owned(), amount, answer, receipt: None };
            if !run.keep(&kept).await {
                verified.release().await;
                return Taken::NotKept;
            }
            Some(run)
        }
    };
    match settle(verified).await {
        Outcome::Settled(settled) => {
            if let Some(run) = run {
                run.close(settled.receipt()).await;
            }
            if let Some(told) = told {
                told.after_settle(amount, settled.receipt()).await;
            }
            Taken::Settled(settled)
        }
        Outcome::Refused(refused) => {
            if let Some(run) = run {
                run.let_go().await;
            }
            Taken::Refused(refused)
        }
        Outcome::Unknown(unknown) => {
            if let Some(run) = &run {
                run.put_down().await;
            }
            Taken::Unknown(unknown, run)
        }
    }
}

impl Paying {
    /// Settles to the end, whether or not the client still waits.
    pub(super) async fn conclude(&self, held: Held, answer: Response<Whole>) -> Own {
        let kept = self.kept(&held, &answer);
        match Finish::new(take(held, kept, self.told.clone())).await {
            Taken::Settled(settled) => {
                record(outcome::SETTLED);
                settled.serve(answer)
            }
            Taken::Refused(refused) => {
                record_refusal(refused.refusal());
                let denied = answer::unsettled(&self.quote, refused.refusal(), refused.receipt(), self.v1);
                self.deny(denied).await
            }
            Taken::Unknown(unknown, run) => self.in_doubt(unknown, run, answer).await,
            Taken::NotKept => self.deny(answer::unavailable(&not_kept())).await,
        }
    }

    /// What is kept of an answer, if its payment can pay once.
    fn kept(&self, held: &Held, answer: &Response<Whole>) -> Option<Answer> {
        let keeps = held.run.is_some() && !self.fare.replay.is_zero();
        keeps.then(|| claiming::answer_of(answer)).flatten()
    }

    async fn in_doubt(&self, unknown: Unknown, run: Option<Run>, answer: Response<Whole>) -> Own {
        record(outcome::UNKNOWN);
        let policy = self.policy(unknown.fault());
        let goes = match unknown.answer(policy) {
            Goes::ServePending => unknown.serve_pending(answer),
            _ => {
                let pending = answer::pending(unknown.fault(), &unknown.receipt(), self.v1);
                self.deny(pending).await
            }
        };
        self.follow(unknown, policy, run);
        goes
    }

    /// Goes on asking what became of the money, after the caller has its answer.
    pub(super) fn follow(&self, unknown: Unknown, policy: UnknownPolicy, run: Option<Run>) {
        reconcile::later(Open { unknown, policy, run, told: self.told.clone() });
    }

    /// Only what may yet be paid is served in doubt; a facilitator that will never take it is none to trust.
    pub(super) fn policy(&self, fault: &Fault) -> UnknownPolicy {
        let policy = if fault.retry == Retry::Never { UnknownPolicy::Withhold } else { self.fare.on_unknown };
        tracing::error!(%policy, source = fault.source.as_deref(), "settling has no known outcome: {fault}");
        policy
    }

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
        let Held { verified, run } = held;
        let (request_id, amount) = (verified.request_id().to_owned(), verified.amount());
        let money = Held { verified, run: None };
        let settled = match Finish::new(take(money, None, self.told.clone())).await {
            Taken::Settled(settled) => settled,
            Taken::Refused(refused) => {
                record_refusal(refused.refusal());
                if let Some(run) = run {
                    run.let_go().await;
                }
                let denied = answer::unsettled(&self.quote, refused.refusal(), refused.receipt(), self.v1);
                return Ok(answer::whole(self.deny(denied).await));
            }
            Taken::Unknown(unknown, _) => {
                // The handler has not run: there is nothing to serve in doubt. The same payment may be brought again.
                let pending = answer::pending(unknown.fault(), &unknown.receipt(), self.v1);
                self.policy(unknown.fault());
                self.follow(unknown, UnknownPolicy::Serve, None);
                return Ok(answer::whole(self.deny(pending).await));
            }
            Taken::NotKept => return Ok(answer::whole(self.deny(answer::unavailable(&not_kept())).await)),
        };
        record(outcome::SETTLED);
        if self.fare.streaming {
            return self.let_through(settled, run, (request_id, amount), inner, request).await;
        }
        let (max_body, keeps) = (self.fare.max_body, !self.fare.replay.is_zero());
        let kept = Kept { request_id, amount, answer: None, receipt: Some(settled.receipt().clone()) };
        // What is paid is made and kept, though the client may be gone: it may come again.
        let made = Finish::new(async move {
            let answer = paid_answer(inner, request, max_body).await?;
            if let Some(mut run) = run {
                let answer = keeps.then(|| claiming::answer_of(&answer)).flatten();
                run.keep(&Kept { answer, ..kept }).await;
            }
            Ok(answer)
        });
        made.await.map(|answer| answer::whole(settled.serve(answer)))
    }

    /// Lets an answer that is paid for through as it is made.
    async fn let_through<S, ReqB, ResB>(
        &self,
        settled: Settled,
        run: Option<Run>,
        (request_id, amount): (String, farebox_x402::Amount),
        mut inner: S,
        request: Request<ReqB>,
    ) -> Result<Response<GateBody<ResB>>, S::Error>
    where
        S: Service<Request<ReqB>, Response = Response<ResB>>,
    {
        if let Some(mut run) = run {
            let receipt = Some(settled.receipt().clone());
            run.keep(&Kept { request_id, amount, answer: None, receipt }).await;
        }
        match work::caught(inner.call(request)).await {
            Some(answer) => answer.map(|answer| settled.serve(answer.map(GateBody::passed))),
            None => Ok(answer::whole(settled.serve(failed_after_payment("the handler panicked")))),
        }
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

fn not_kept() -> Fault {
    let what = "the answer cannot be kept".to_owned();
    Fault { what, retry: Retry::After(Duration::from_secs(1)), source: None }
}
