//! Showing a payment to the seller until something is known.

mod chain;
mod credits;

pub(crate) use chain::Chosen;
pub use chain::Resumed;

use std::time::Duration;

use farebox_telemetry::{field, outcome};
use farebox_x402::{
    PaymentRequired, Receipt,
    credits::CODE_IN_USE,
    header::{self, PAYMENT_REQUIRED},
};
use http::StatusCode;
use serde::Deserialize;

use crate::{
    Authorization, Paid, PayError, Payer,
    answer::{self, Answer, Failed},
    receipt::believed,
};

/// The settlement was brought to the chain, and its end is not known yet.
const PENDING: &str = "settlement_pending";

/// What became of one try.
enum Tried {
    Answered(Answer),
    Refused(Answer),
    Unsure(Unsure),
    TooLong(Box<Answer>),
}

/// A try of unknown outcome.
struct Unsure {
    what: String,
    retry_after: Option<Duration>,
    /// Whether the seller may have seen the payment.
    sent: bool,
    error: Option<reqwest::Error>,
}

/// How the tries ended.
enum Ended {
    Answered(Answer),
    /// `sent_before`: an earlier try may have reached the seller.
    Refused {
        answer: Answer,
        sent_before: bool,
    },
    /// `unsure.sent` is about all of them.
    Unknown(Unsure),
    /// An answer that is no refusal, and longer than the payer reads; without its body.
    TooLong(Box<Answer>),
}

impl Payer {
    /// Sends the payment until something is known. `sent_before`: the seller may have seen it already.
    async fn show(&self, authorization: &Authorization, mut sent_before: bool) -> Ended {
        let mut done = 0;
        loop {
            done += 1;
            let mut unsure = match self.attempt(authorization).await {
                Tried::Answered(answer) => return Ended::Answered(answer),
                Tried::Refused(answer) => return Ended::Refused { answer, sent_before },
                Tried::TooLong(head) => return Ended::TooLong(head),
                Tried::Unsure(unsure) => unsure,
            };
            // A reusable token pays each time it arrives.
            let repeatable = authorization.is_single_use() || !unsure.sent;
            sent_before |= unsure.sent;
            tracing::debug!({ field::OUTCOME } = outcome::UNKNOWN, done, what = unsure.what, "payment");
            let wait = self.rules.tries.wait(done, unsure.retry_after).filter(|_| repeatable);
            let has_time =
                |wait: Duration| authorization.valid_until().is_none_or(|until| self.clock.now().after(wait) < until);
            match wait {
                Some(wait) if has_time(wait) => tokio::time::sleep(wait).await,
                Some(_) => unsure.what.push_str(", and the authorization expires"),
                None => {}
            }
            if wait.is_none_or(|wait| !has_time(wait)) {
                unsure.sent = sent_before;
                return Ended::Unknown(unsure);
            }
        }
    }

    async fn attempt(&self, authorization: &Authorization) -> Tried {
        match self.wire.send(&authorization.request, Some(&authorization.payment)).await {
            Ok(answer) => sort(answer, authorization),
            // What it says without its body counts all the same.
            Err(Failed::TooLong(head)) => match sort(*head, authorization) {
                Tried::Answered(head) => Tried::TooLong(head.into()),
                other => other,
            },
            Err(Failed::Network(error)) => {
                let what = if error.is_timeout() { "no answer in time" } else { "no answer" };
                let sent = !error.is_connect();
                Tried::Unsure(Unsure { what: what.to_owned(), retry_after: None, sent, error: Some(error) })
            }
        }
    }

    fn too_long(&self, head: &Answer, authorization: &Authorization) -> PayError {
        let receipt = answer::receipt(head.headers()).and_then(|receipt| believed(receipt, authorization).ok());
        PayError::TooLong { limit: self.wire.max_answer(), receipt: receipt.map(Box::new) }
    }
}

fn sort(answer: Answer, authorization: &Authorization) -> Tried {
    let status = answer.status();
    let unsure = |answer: &Answer| {
        let (what, retry_after) =
            (format!("the seller answered {}", status.as_u16()), header::retry_after(answer.headers()));
        Tried::Unsure(Unsure { what, retry_after, sent: true, error: None })
    };
    let on_chain = authorization.fare().is_some();
    let receipt = answer::receipt(answer.headers()).and_then(|receipt| believed(receipt, authorization).ok());
    let charged = receipt.as_ref().is_some_and(|receipt| receipt.success);
    let pending = on_chain && receipt.is_some_and(|receipt| receipt.error_reason.as_deref() == Some(PENDING));
    match status {
        _ if charged => Tried::Answered(answer),
        // Whatever 402 asks for now, the payment that was shown is on its way.
        StatusCode::PAYMENT_REQUIRED | StatusCode::ACCEPTED if pending => unsure(&answer),
        StatusCode::PAYMENT_REQUIRED => Tried::Refused(answer),
        StatusCode::PRECONDITION_FAILED if on_chain => Tried::Refused(answer),
        StatusCode::CONFLICT if is_in_use(&answer, on_chain) => unsure(&answer),
        _ if answer::is_unsure(status) || (on_chain && status.is_server_error()) => unsure(&answer),
        // Anything else is the seller's own answer, and one without success is not charged.
        _ => Tried::Answered(answer),
    }
}

/// Whether a 409 is about the payment, not the seller's own.
fn is_in_use(answer: &Answer, on_chain: bool) -> bool {
    let says_when = on_chain && answer.headers().contains_key(http::header::RETRY_AFTER);
    says_when || Said::read(answer).code.as_deref() == Some(CODE_IN_USE)
}

/// The parts of a seller's error body that are looked at.
#[derive(Default, Deserialize)]
struct Said {
    code: Option<String>,
    message: Option<String>,
}

impl Said {
    fn read(answer: &Answer) -> Self {
        serde_json::from_slice(answer.body()).unwrap_or_default()
    }
}

/// What a refusal says: a code, words, and a fresh offer.
struct Refusal {
    code: String,
    reason: String,
    offer: Option<Box<PaymentRequired>>,
}

impl Refusal {
    fn read(answer: &Answer, authorization: &Authorization) -> Self {
        let said = Said::read(answer);
        let offer = answer.headers().get(PAYMENT_REQUIRED);
        let offer: Option<Box<PaymentRequired>> = offer.and_then(|value| header::decode(value.as_bytes()).ok());
        let receipt = answer::receipt(answer.headers()).unwrap_or_default();
        let Receipt { error_reason, error_message, .. } = receipt;
        let code = said.code.or(error_reason).or_else(|| offer.as_ref()?.error.clone().filter(|text| is_word(text)));
        let reason = said.message.or(error_message).or_else(|| offer.as_ref()?.error.clone());
        let shown = |text: Option<String>| authorization.shown(&text.unwrap_or_default());
        let refusal = Self { code: shown(code), reason: shown(reason), offer };
        tracing::debug!({ field::OUTCOME } = outcome::REFUSED, { field::CODE } = refusal.code, "payment");
        refusal
    }

    fn error(self) -> PayError {
        PayError::Refused { code: self.code, reason: self.reason, offer: self.offer }
    }
}

/// A machine's word rather than people's.
fn is_word(text: &str) -> bool {
    (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn paid(answer: Answer, authorization: Authorization) -> Paid {
    let paid = Paid::new(answer, authorization);
    let outcome = if paid.is_pending() { outcome::UNKNOWN } else { outcome::SETTLED };
    tracing::debug!({ field::OUTCOME } = outcome, status = paid.status().as_u16(), "payment");
    paid
}
