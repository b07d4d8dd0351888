//! A payment that can pay once: claimed for one run, or answered as it was before.

use std::sync::Arc;

use bytes::Bytes;
use farebox_x402::{Fault, Refusal, credits::CODE_IN_USE};
use http::{Request, Response};
use http_body::Body;

use super::{Paying, again::Again, first::Paid};
use crate::{
    answer::{self, Own},
    answers::{self, Answer, AnswerStore, Bound, Claim, Claimed, Kept, Run, Single, Ticket},
    body::Whole,
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
    /// Run the handler for what was paid before.
    Paid(Request<B>, Box<Paid>),
    /// Nothing: this is its answer.
    Over(Box<Own>),
}

/// What became of one name.
enum Named {
    Mine(Ticket),
    Kept(Ticket, Box<Kept>),
    Not(Box<Own>),
}

impl Paying {
    /// Claims a payment that can pay once. Waits for whoever has it. One that does not fit the offer as it stands may have
    /// fitted an earlier one: what it was answered then comes before any new offer.
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
        let mut claims = self.claims(&names, &request, &body).into_iter();
        let mut run: Option<Run> = None;
        while let Some(claim) = claims.next() {
            let over = match self.claim_one(&claim, run.is_some()).await {
                Named::Mine(ticket) => {
                    match &mut run {
                        Some(run) => run.add(ticket),
                        None => run = Some(Run::new(Arc::clone(self.gate.answers()), ticket)),
                    }
                    continue;
                }
                Named::Kept(ticket, kept) => self.again(ticket, *kept, claims).await,
                Named::Not(answer) => Again::Answered(answer),
            };
            if let Some(run) = run {
                run.let_go().await;
            }
            return match over {
                Again::Answered(answer) => Turn::Over(answer),
                Again::Paid(paid) => Turn::Paid(request, paid),
            };
        }
        let Some(misfit) = &self.misfit else { return Turn::Run(request, run) };
        if let Some(run) = run {
            run.let_go().await;
        }
        Turn::Over(self.refuse(misfit).into())
    }

    /// What nobody else may have in hand at the same time: the payment, if it can pay once, before its request's own name.
    fn names(&self) -> Result<Vec<Single>, Refusal> {
        let payment = answers::of_payment(&self.payment)?;
        let named = self.fare.identifier.map(|identifier| identifier.of(&self.fare.label, &self.payment));
        Ok(payment.into_iter().chain(named.transpose()?.flatten()).collect())
    }

    fn claims<B>(&self, names: &[Single], request: &Request<B>, body: &Bytes) -> Vec<Claim> {
        let (verb, query) = (request.method().as_str(), request.uri().query());
        let bound = Bound { verb, path: self.quote.path(), query, body };
        names.iter().map(|name| name.for_request(&bound, self.fare.hold().ttl, self.fare.replay)).collect()
    }

    /// Claims one name, or says what the request gets instead. Of a request that is `named` besides, another payment's
    /// answer is given only once it is paid: nobody may ask for that money with this payment.
    async fn claim_one(&self, claim: &Claim, named: bool) -> Named {
        let not = match answers::claim(&**self.gate.answers(), claim).await {
            Ok(Claimed::Mine(ticket)) => return Named::Mine(ticket),
            Ok(Claimed::Kept(ticket, kept)) if kept.receipt.is_none() && (named || self.payment_again()) => {
                Run::kept(Arc::clone(self.gate.answers()), ticket).put_down().await;
                self.taken(CODE_IN_USE, "it is not known yet whether this request was paid for")
            }
            Ok(Claimed::Kept(ticket, kept)) => return Named::Kept(ticket, kept),
            Ok(Claimed::Busy) => self.taken(CODE_IN_USE, "another request is using this payment"),
            Ok(Claimed::Spent) => self.spent(),
            Ok(Claimed::Other) => self.taken(OTHER_REQUEST, "this payment is for another request"),
            Err(fault) => unclaimed(&fault).into(),
        };
        Named::Not(not)
    }

    /// True for a payment that can pay again: a name of its request says nothing about which payment paid.
    fn payment_again(&self) -> bool {
        matches!(answers::of_payment(&self.payment), Ok(None))
    }

    fn taken(&self, code: &str, reason: &str) -> Box<Own> {
        self.refuse(&Refusal { code: code.to_owned(), reason: reason.to_owned() }).into()
    }

    pub(super) fn spent(&self) -> Box<Own> {
        self.taken(SPENT, "this payment has paid for an answer already")
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
