//! While the handler runs: a reserved amount that is settled, released, or given back when dropped.

use std::{fmt, sync::Arc, time::Duration};

use farebox_engine::charge::{Event, Fulfilment};
use farebox_types::AtomicAmount;
use farebox_x402::Amount;
use tokio::runtime::Handle;

use super::{
    Outcome,
    facts::{Charged, Facts},
    outcome,
};
use crate::{context::PaymentContext, finish::Finish};

/// A payment that holds, its amount reserved. Dropped, it gives the hold back in the background.
#[must_use]
pub struct Verified {
    charged: Charged,
    holds: bool,
}

/// How long an answer waits for a hold to be given back, before that goes on without it.
const PATIENCE: Duration = Duration::from_secs(1);

impl Verified {
    pub(super) const fn new(charged: Charged) -> Self {
        Self { charged, holds: true }
    }

    /// What the handler may know about the payment.
    #[must_use]
    pub fn context(&self) -> PaymentContext {
        PaymentContext::new(Arc::clone(&self.charged.facts))
    }

    /// Takes less than was authorized; for `upto`. More than the offer says is not taken.
    pub fn charge(&mut self, actual: AtomicAmount) {
        let most = self.charged.facts.payment.amount.atomic();
        self.charged.actual = most.map(|most| Amount::Atomic(actual.min(most)));
    }

    /// The handler begins.
    pub fn begin(&mut self) {
        self.charged.apply(Event::HandlerStarted);
    }

    /// The handler has succeeded: takes the amount. Once this is asked, dropping gives nothing back: the outcome is open.
    pub async fn settle(mut self) -> Outcome {
        if self.charged.charge.fulfilment() == Fulfilment::Running {
            self.charged.apply(Event::HandlerCompleted);
        }
        self.charged.apply(Event::SettleSent);
        self.holds = false;
        outcome::ask(self.charged.clone()).await
    }

    /// The handler has not succeeded: gives the amount back. Waits a second at most; the rest goes on in the background,
    /// and a hold that cannot be given back ends by itself.
    pub async fn release(mut self) {
        let giving_back = self.let_go();
        // Without an answer in time, dropping it lets it finish on its own.
        let _ = tokio::time::timeout(PATIENCE, Finish::new(giving_back)).await;
    }

    fn let_go(&mut self) -> impl Future<Output = ()> + Send + use<> {
        if self.charged.charge.fulfilment() == Fulfilment::Running {
            self.charged.apply(Event::HandlerFailed);
        }
        self.charged.apply(Event::Released);
        self.holds = false;
        give_back(self.charged.clone())
    }
}

impl Drop for Verified {
    fn drop(&mut self) {
        if !self.holds {
            return;
        }
        let giving_back = self.let_go();
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(giving_back)),
            Err(_) => tracing::warn!("no runtime is left to give a hold back; it ends by itself"),
        }
    }
}

async fn give_back(charged: Charged) {
    let Facts { payment, found } = &*charged.facts;
    if let Err(fault) = charged.facilitator.release(payment, &found.request_id).await {
        let (id, retry) = (&*found.request_id, fault.retry);
        tracing::warn!(request_id = id, ?retry, "a hold could not be given back, and ends by itself: {fault}");
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = &self.charged.facts.found;
        f.debug_struct("Verified").field("request_id", &found.request_id).finish_non_exhaustive()
    }
}
