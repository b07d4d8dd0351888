//! What is known about a verified payment, shared by everyone who needs to know.

use std::sync::Arc;

use farebox_engine::charge::{Charge, Event};
use farebox_x402::{Accept, Facilitator, Payment, Receipt, Verified};

/// A payment and what verify found.
pub(crate) struct Facts {
    pub(crate) payment: Payment,
    pub(crate) found: Verified,
}

impl Facts {
    /// A receipt that says nothing was taken, or that nobody knows.
    pub(super) fn receipt_without_success(&self, reason: &str) -> Receipt {
        let network = self.payment.required.accepts.first().and_then(Accept::credits).map(|accept| &accept.network);
        Receipt {
            success: false,
            error_reason: Some(reason.to_owned()),
            payer: self.found.payer.clone(),
            network: network.cloned().unwrap_or_default(),
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
}

impl Charged {
    /// Moves the charge. An event that cannot happen is a bug here: it is logged, the charge stays, and what has not
    /// reached a served state is withheld.
    pub(super) fn apply(&mut self, event: Event) {
        match self.charge.apply(event) {
            Ok(charge) => self.charge = charge,
            Err(illegal) => tracing::error!("{illegal}"),
        }
    }
}
