//! What is known about a verified payment, shared by everyone who needs to know.

use std::sync::Arc;

use farebox_engine::charge::{Charge, Event};
use farebox_x402::{Amount, Facilitator, Payment, Receipt, Verified};

use crate::{matching::is_written_in_v1, meter::Meter};

/// A payment and what verify found.
pub(crate) struct Facts {
    pub(crate) payment: Payment,
    pub(crate) found: Verified,
    pub(crate) meter: Meter,
}

impl Facts {
    /// A payment that was taken before, by whoever had it in hand.
    pub(crate) fn paid(payment: Payment, request_id: String, payer: Option<String>) -> Self {
        Self { payment, found: Verified { request_id, payer, agent_request: None }, meter: Meter::default() }
    }

    /// A receipt that says nothing was taken, or that nobody knows.
    pub(super) fn receipt_without_success(&self, reason: &str) -> Receipt {
        Receipt {
            success: false,
            error_reason: Some(reason.to_owned()),
            payer: self.found.payer.clone(),
            network: self.payment.network().to_owned(),
            ..Receipt::default()
        }
    }
}

/// A charge and whom to ask about it.
#[derive(Clone)]
pub(super) struct Charged {
    pub(super) facilitator: Arc<dyn Facilitator>,
    pub(super) facts: Arc<Facts>,
    pub(super) charge: Charge,
    /// What is taken, where it is less than what was authorized.
    pub(super) actual: Option<Amount>,
    /// Whether the money may have been asked for before.
    pub(super) asked: bool,
}

impl Charged {
    pub(super) fn new(facilitator: Arc<dyn Facilitator>, payment: Payment, found: Verified) -> Self {
        let facts = Arc::new(Facts { payment, found, meter: Meter::default() });
        Self { facilitator, facts, charge: Charge::reserved(), actual: None, asked: false }
    }

    /// A charge whose handler has answered and whose money was asked for, by whoever had it in hand before.
    pub(super) fn resumed(
        facilitator: Arc<dyn Facilitator>,
        payment: Payment,
        request_id: String,
        amount: Amount,
    ) -> Self {
        let found = Verified { request_id, payer: None, agent_request: None };
        let mut charged = Self { actual: Some(amount), asked: true, ..Self::new(facilitator, payment, found) };
        for event in [Event::HandlerStarted, Event::HandlerCompleted, Event::SettleSent] {
            charged.apply(event);
        }
        charged
    }

    /// The payment as it is settled.
    pub(super) fn payment(&self) -> Payment {
        let payment = self.facts.payment.clone();
        Payment { amount: self.actual.unwrap_or(payment.amount), ..payment }
    }

    /// Whether its payer speaks version 1.
    pub(super) fn is_v1(&self) -> bool {
        is_written_in_v1(&self.facts.payment)
    }

    /// Moves the charge. An event that cannot happen is a bug here: it is logged, the charge stays, and what has not
    /// reached a served state is withheld.
    pub(super) fn apply(&mut self, event: Event) {
        match self.charge.apply(event) {
            Ok(charge) => self.charge = charge,
            Err(illegal) => tracing::error!("{illegal}"),
        }
    }
}
