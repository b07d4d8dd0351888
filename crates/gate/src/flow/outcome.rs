//! After the handler: what became of the money.

use std::fmt;

use farebox_engine::charge::{Answer, Event, UnknownPolicy};
use farebox_x402::{Amount, Broadcast, Fault, Receipt, Refusal, Settlement};
use http::Response;

use super::facts::{Charged, Facts};
use crate::{answer::PENDING, headers};

/// What became of the money.
#[derive(Debug)]
pub enum Outcome {
    /// It was taken.
    Settled(Settled),
    /// It was not, and will not be.
    Refused(Refused),
    /// Nobody can say.
    Unknown(Unknown),
}

/// The money was taken: the answer may go out.
#[derive(Debug)]
pub struct Settled {
    receipt: Box<Receipt>,
    v1: bool,
}

/// The money was refused after all: the answer is withheld.
#[derive(Debug)]
pub struct Refused {
    refusal: Refusal,
    receipt: Box<Receipt>,
}

/// The facilitator did not say. Left only by asking again.
pub struct Unknown {
    charged: Charged,
    fault: Fault,
}

pub(super) async fn ask(mut charged: Charged) -> Outcome {
    let (facilitator, payment, id) = (&charged.facilitator, charged.payment(), &charged.facts.found.request_id);
    let answered = match charged.asked {
        false => facilitator.settle(&payment, id).await,
        true => facilitator.settle_again(&payment, id).await,
    };
    let refusal = match answered {
        Ok(Settlement::Settled(receipt)) if receipt.success => {
            charged.apply(Event::SettleConfirmed);
            return Outcome::Settled(Settled::new(receipt, charged.is_v1()));
        }
        Err(fault) => {
            charged.apply(Event::SettleSilent);
            return Outcome::Unknown(Unknown { charged, fault });
        }
        // A receipt without success is a refusal, whatever it came as.
        Ok(Settlement::Settled(receipt)) => unsuccessful(receipt),
        Ok(Settlement::Refused(refusal)) => refusal,
    };
    charged.apply(Event::SettleRefused);
    let receipt = charged.facts.receipt_without_success(&refusal.code).into();
    Outcome::Refused(Refused { refusal, receipt })
}

fn unsuccessful(receipt: Receipt) -> Refusal {
    let reason = receipt.error_reason.unwrap_or_else(|| "the payment was refused".to_owned());
    Refusal { code: reason.clone(), reason }
}

impl Settled {
    pub(super) fn new(receipt: Receipt, v1: bool) -> Self {
        Self { receipt: Box::new(receipt), v1 }
    }

    /// What the payer gets to keep.
    #[must_use]
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// The handler's answer with its receipt, kept out of shared caches.
    #[must_use]
    pub fn serve<B>(self, mut answer: Response<B>) -> Response<B> {
        headers::put_receipt(answer.headers_mut(), &self.receipt, self.v1);
        answer
    }
}

impl Refused {
    /// Why.
    #[must_use]
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    /// A receipt that says so.
    #[must_use]
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }
}

impl Unknown {
    /// What broke; never for a payer.
    #[must_use]
    pub const fn fault(&self) -> &Fault {
        &self.fault
    }

    /// Asks again, with the same request id: safe to repeat.
    pub async fn ask_again(self) -> Outcome {
        ask(Charged { asked: true, ..self.charged }).await
    }

    /// Gives the hold back, if the money was not taken; safe to repeat. True when the facilitator said so.
    pub async fn give_back(&self) -> bool {
        let Facts { payment, found, .. } = &*self.charged.facts;
        self.charged.facilitator.release(payment, &found.request_id).await.is_ok()
    }

    /// Names the charge.
    pub(crate) fn request_id(&self) -> &str {
        &self.charged.facts.found.request_id
    }

    /// What was asked for.
    #[must_use]
    pub fn amount(&self) -> Amount {
        self.charged.payment().amount
    }

    /// Whether a hold exists that could be given back. A chain has none: only settling again ends the question.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.charged.facts.payment.amount.credits().is_some()
    }

    /// What the caller gets if nobody asks again.
    #[must_use]
    pub const fn answer(&self, policy: UnknownPolicy) -> Answer {
        self.charged.charge.answer(policy)
    }

    /// A receipt that says the outcome is open.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        let receipt = self.charged.facts.receipt_without_success(PENDING);
        let source = self.fault.source.as_ref().and_then(|source| source.downcast_ref::<Broadcast>());
        Receipt { transaction: source.map(|it| it.transaction.clone()).unwrap_or_default(), ..receipt }
    }

    /// The handler's answer with a receipt that says the outcome is open; for routes that serve in doubt.
    #[must_use]
    pub fn serve_pending<B>(&self, mut answer: Response<B>) -> Response<B> {
        headers::put_receipt(answer.headers_mut(), &self.receipt(), self.charged.is_v1());
        answer
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unknown").field("fault", &self.fault).finish_non_exhaustive()
    }
}
