//! A payment that was brought before: its answer, without paying or running anything a second time.

use std::{sync::Arc, vec};

use farebox_engine::charge::Timing;
use farebox_x402::Receipt;
use http::Response;

use super::{
    Paying,
    first::Paid,
    taking::{Asking, Doubt},
};
use crate::{
    answer::{self, Own},
    answers::{Answer, Claim, Claimed, Kept, Run, Ticket},
    body::Whole,
    finish::Finish,
    flow::{Outcome, Presented},
    headers, hooks,
};

/// What a payment that was brought before gets.
pub(super) enum Again {
    /// This.
    Answered(Box<Own>),
    /// Its handler: it was paid first, and nobody knows of an answer.
    Paid(Box<Paid>),
}

impl Paying {
    /// The answer that this payment has paid for. Where nobody knows yet whether it has, its facilitator is asked. `others`
    /// are the request's other names.
    pub(super) async fn again(&self, ticket: Ticket, kept: Kept, others: vec::IntoIter<Claim>) -> Again {
        let Kept { request_id, amount, answer, receipt } = kept;
        if let Some(receipt) = receipt {
            return Again::Answered(self.given(answer, &receipt));
        }
        let run = self.joined(Run::kept(Arc::clone(self.gate.answers()), ticket), &request_id, others).await;
        let presented = Presented::new(Arc::clone(&self.facilitator), self.payment.clone());
        // If the client leaves meanwhile, the next who brings the payment asks.
        match Finish::new(presented.resume(request_id.clone(), amount)).await {
            Outcome::Settled(settled) if answer.is_none() && self.fare.timing == Timing::SettleFirst => {
                if let Some(told) = &self.told {
                    told.after_settle(amount, settled.receipt()).await;
                }
                Again::Paid(Box::new(Paid { settled, run: Some(run), request_id, amount }))
            }
            Outcome::Settled(settled) => {
                hooks::settled(Some(run), self.told.as_ref(), amount, settled.receipt()).await;
                Again::Answered(self.given(answer, settled.receipt()))
            }
            Outcome::Refused(refused) => {
                run.let_go().await;
                super::record_refusal(refused.refusal());
                Again::Answered(answer::unsettled(&self.quote, refused.refusal(), refused.receipt(), self.v1).into())
            }
            Outcome::Unknown(unknown) => {
                let asking =
                    Asking { first: answer.is_none() && self.fare.timing == Timing::SettleFirst, ..self.asking() };
                let Doubt { pending, .. } = asking.in_doubt(unknown, Some(run)).await;
                Again::Answered(pending)
            }
        }
    }

    /// The same run under the request's other names, where they are of the same charge.
    async fn joined(&self, mut run: Run, request_id: &str, others: vec::IntoIter<Claim>) -> Run {
        let store = self.gate.answers();
        for claim in others {
            match store.claim(&claim).await {
                Ok(Claimed::Kept(ticket, kept)) if kept.receipt.is_none() && kept.request_id == request_id => {
                    run.add(ticket);
                }
                Ok(Claimed::Kept(ticket, kept)) if kept.receipt.is_none() => {
                    Run::kept(Arc::clone(store), ticket).put_down().await;
                }
                Ok(Claimed::Mine(ticket)) => Run::new(Arc::clone(store), ticket).let_go().await,
                Ok(_) => {}
                Err(fault) => {
                    tracing::warn!(source = fault.source.as_deref(), "a name of a request cannot be read: {fault}");
                }
            }
        }
        run
    }

    fn given(&self, answer: Option<Answer>, receipt: &Receipt) -> Box<Own> {
        let Some(Answer { status, headers, body, trailers }) = answer else { return self.spent() };
        let mut own = Response::new(Whole::new(body, trailers));
        (*own.status_mut(), *own.headers_mut()) = (status, headers);
        headers::put_receipt(own.headers_mut(), receipt, self.v1);
        own.into()
    }
}
