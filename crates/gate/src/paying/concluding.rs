//! What goes out when the money of a finished answer was asked for.

use farebox_engine::charge::Answer as Goes;
use farebox_telemetry::outcome;
use http::Response;

use super::{
    Paying, claiming, record, record_refusal,
    serving::Held,
    taking::{Doubt, Taken, not_kept, take},
};
use crate::{
    answer::{self, Own},
    answers::Answer,
    body::Whole,
    finish::Finish,
    headers,
};

impl Paying {
    /// Settles to the end, whether or not the client still waits.
    pub(super) async fn conclude(&self, held: Held, mut answer: Response<Whole>) -> Own {
        let kept = self.kept(&held, &answer);
        match Finish::new(take(held, kept, self.asking())).await {
            Taken::Settled(settled) => {
                record(outcome::SETTLED);
                settled.serve(answer)
            }
            Taken::Refused(refused) => {
                record_refusal(refused.refusal());
                let denied = answer::unsettled(&self.quote, refused.refusal(), refused.receipt(), self.v1);
                self.deny(denied).await
            }
            Taken::Unknown(Doubt { goes: Goes::ServePending, receipt, .. }) => {
                headers::put_receipt(answer.headers_mut(), &receipt, self.v1);
                answer
            }
            Taken::Unknown(doubt) => self.deny(*doubt.pending).await,
            Taken::NotKept => self.deny(answer::unavailable(&not_kept())).await,
        }
    }

    /// What is kept of an answer, if its payment can pay once.
    fn kept(&self, held: &Held, answer: &Response<Whole>) -> Option<Answer> {
        let keeps = held.run.is_some() && !self.fare.replay.is_zero();
        keeps.then(|| claiming::answer_of(answer)).flatten()
    }
}
