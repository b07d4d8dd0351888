//! A payment that can pay once: claimed for one run, or answered as it was before.

use std::sync::Arc;

use bytes::Bytes;
use farebox_x402::{Fault, Receipt, Refusal, credits::CODE_IN_USE};
use http::{Request, Response};
use http_body::Body;

use super::Paying;
use crate::{
    answer::{self, Own},
    answers::{self, Answer, AnswerStore, Bound, Claimed, Kept, Run, Single, Ticket},
    body::Whole,
    finish::Finish,
    flow::{Outcome, Presented},
    headers,
    work::{self, BoxError},
};

/// The code of a payment that has paid for an answer before.
const SPENT: &str = "duplicate_settlement";
/// The code of a payment that pays, or has paid, for another request.
pub(crate) const OTHER_REQUEST: &str = "payment_for_another_request";

/// What a request gets to do.
#[allow(clippy::large_enum_variant, reason = "nearly every turn is a run")]
pub(super) enum Turn<B> {
    /// Run the handler; with a claim in hand, if the payment can pay once.
    Run(Request<B>, Option<Run>),
    /// Nothing: this is its answer.
    Over(Box<Own>),
}

impl Paying {
    /// Claims a payment that can pay once. Waits for whoever has it.
    pub(super) async fn claim<B>(&self, request: Request<B>) -> Turn<B>
    where
        B: Body<Data = Bytes> + From<Bytes>,
        B::Error: Into<BoxError>,
    {
        let names = match self.names() {
            Ok(names) if names.is_empty() => return Turn::Run(request, None),
            Ok(names) => names,
            Err(refusal) => return Turn::Over(self.refuse(&refusal).into()),
        };
        let (request, body) = match work::take_body(request, self.fare.max_request).await {
            Ok(read) => read,
            Err(answer) => return Turn::Over(answer),
        };
        let query = request.uri().query();
        let bound = Bound { verb: self.quote.verb(), path: self.quote.path(), query, body: &body };
        let mut run: Option<Run> = None;
        for name in names {
            match self.claim_one(&name, &bound, run.is_some()).await {
                Ok(ticket) => match &mut run {
                    Some(run) => run.add(ticket),
                    None => run = Some(Run::new(Arc::clone(self.gate.answers()), ticket)),
                },
                Err(answer) => {
                    if let Some(run) = run {
                        run.let_go().await;
                    }
                    return Turn::Over(answer);
                }
            }
        }
        Turn::Run(request, run)
    }

    /// What nobody else may have in hand at the same time: the payment, if it can pay once, before its request's own name.
    fn names(&self) -> Result<Vec<Single>, Refusal> {
        let payment = answers::of_payment(&self.payment)?;
        let named = self.fare.identifier.map(|identifier| identifier.of(&self.fare.label, &self.payment));
        Ok(payment.into_iter().chain(named.transpose()?.flatten()).collect())
    }

    /// Claims one name, or says what the request gets instead. Of a request that is `named` besides, another payment's
    /// answer is given only once it is paid: nobody may ask for that money with this payment.
    async fn claim_one(&self, name: &Single, bound: &Bound<'_>, named: bool) -> Result<Ticket, Box<Own>> {
        let claim = name.for_request(bound, self.fare.hold().ttl, self.fare.replay);
        match answers::claim(&**self.gate.answers(), &claim).await {
            Ok(Claimed::Mine(ticket)) => Ok(ticket),
            Ok(Claimed::Kept(_, kept)) if kept.receipt.is_none() && (named || self.payment_again()) => {
                Err(self.taken(CODE_IN_USE, "it is not known yet whether this request was paid for"))
            }
            Ok(Claimed::Kept(ticket, kept)) => Err(self.again(ticket, *kept).await.into()),
            Ok(Claimed::Busy) => Err(self.taken(CODE_IN_USE, "another request is using this payment")),
            Ok(Claimed::Spent) => Err(self.spent()),
            Ok(Claimed::Other) => Err(self.taken(OTHER_REQUEST, "this payment is for another request")),
            Err(fault) => Err(unclaimed(&fault).into()),
        }
    }

    /// True for a payment that can pay again: a name of its request says nothing about which payment paid.
    fn payment_again(&self) -> bool {
        matches!(answers::of_payment(&self.payment), Ok(None))
    }

    fn taken(&self, code: &str, reason: &str) -> Box<Own> {
        self.refuse(&Refusal { code: code.to_owned(), reason: reason.to_owned() }).into()
    }

    fn spent(&self) -> Box<Own> {
        self.taken(SPENT, "this payment has paid for an answer already")
    }

    /// The answer that this payment has paid for. Where nobody knows yet whether it has, its facilitator is asked.
    async fn again(&self, ticket: Ticket, kept: Kept) -> Own {
        let Kept { request_id, amount, answer, receipt } = kept;
        if let Some(receipt) = receipt {
            return self.given(answer, &receipt);
        }
        let presented = Presented::new(Arc::clone(&self.facilitator), self.payment.clone());
        let store = Arc::clone(self.gate.answers());
        let run = Run::kept(store, ticket);
        match Finish::new(presented.resume(request_id, amount)).await {
            Outcome::Settled(settled) => {
                run.close(settled.receipt()).await;
                if let Some(told) = &self.told {
                    told.after_settle(amount, settled.receipt()).await;
                }
                self.given(answer, settled.receipt())
            }
            Outcome::Refused(refused) => {
                run.let_go().await;
                super::record_refusal(refused.refusal());
                answer::unsettled(&self.quote, refused.refusal(), refused.receipt(), self.v1)
            }
            Outcome::Unknown(unknown) => {
                let (fault, receipt) = (unknown.fault(), unknown.receipt());
                let pending = answer::pending(fault, &receipt, self.v1);
                run.put_down().await;
                self.follow(unknown, self.fare.on_unknown, Some(run));
                pending
            }
        }
    }

    fn given(&self, answer: Option<Answer>, receipt: &Receipt) -> Own {
        let Some(Answer { status, headers, body, trailers }) = answer else { return *self.spent() };
        let mut own = Response::new(Whole::new(body, trailers));
        (*own.status_mut(), *own.headers_mut()) = (status, headers);
        headers::put_receipt(own.headers_mut(), receipt, self.v1);
        own
    }
}

fn unclaimed(fault: &Fault) -> Own {
    tracing::error!(source = fault.source.as_deref(), "a payment cannot be claimed: {fault}");
    answer::unavailable(fault)
}

/// What is kept of an answer: all of it, if it is short enough and the route keeps any.
pub(super) fn answer_of(answer: &Response<Whole>) -> Option<Answer> {
    let (body, trailers) = answer.body().parts();
    (body.len() <= answers::MAX_ANSWER).then(|| Answer {
        status: answer.status(),
        headers: answer.headers().clone(),
        body: body.clone(),
        trailers: trailers.cloned(),
    })
}

/// The same store, for a charge.
pub(super) fn store(paying: &Paying) -> Arc<dyn AnswerStore> {
    Arc::clone(paying.gate.answers())
}
