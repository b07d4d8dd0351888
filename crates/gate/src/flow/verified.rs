//! While the handler runs: a reserved amount that is settled, released, or given back when dropped.

use std::{fmt, sync::Arc, time::Duration};

use farebox_engine::charge::{Event, Fulfilment};
use farebox_types::{AtomicAmount, Quantity};
use farebox_x402::{Amount, Receipt};
use tokio::runtime::Handle;

use super::{
    Outcome, Settled,
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

    /// Takes less than was authorized: atomic units for `upto`, whole credits for metered ones. More than the offer says is
    /// not taken.
    pub fn charge(&mut self, actual: AtomicAmount) {
        self.charged.actual = Some(match self.charged.facts.payment.amount {
            Amount::Atomic(most) => Amount::Atomic(actual.min(most)),
            Amount::Credits(most) => Amount::Credits(credits(actual).map_or(most, |actual| actual.min(most))),
        });
    }

    /// Names the charge.
    pub(crate) fn request_id(&self) -> &str {
        &self.charged.facts.found.request_id
    }

    /// What settling will take.
    pub(crate) fn amount(&self) -> Amount {
        self.charged.payment().amount
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
        if self.charged.actual == Some(Amount::Credits(Quantity::ZERO)) {
            return self.nothing_used().await;
        }
        self.charged.apply(Event::SettleSent);
        self.holds = false;
        outcome::ask(self.charged.clone()).await
    }

    /// Nothing is taken in credits by giving the hold back: there is no transfer of nothing.
    async fn nothing_used(mut self) -> Outcome {
        self.charged.apply(Event::Released);
        self.holds = false;
        let (facts, v1) = (Arc::clone(&self.charged.facts), self.charged.is_v1());
        give_back(self.charged.clone()).await;
        let receipt = Receipt {
            success: true,
            payer: facts.found.payer.clone(),
            network: facts.payment.network().to_owned(),
            credits_redeemed: Some("0".to_owned()),
            ..Receipt::default()
        };
        Outcome::Settled(Settled::new(receipt, v1))
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
    let Facts { payment, found, .. } = &*charged.facts;
    if let Err(fault) = charged.facilitator.release(payment, &found.request_id).await {
        let (id, retry) = (&*found.request_id, fault.retry);
        tracing::warn!(request_id = id, ?retry, "a hold could not be given back, and ends by itself: {fault}");
    }
}

fn credits(units: AtomicAmount) -> Option<Quantity> {
    u64::try_from(units.units()).ok().and_then(Quantity::from_units)
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = &self.charged.facts.found;
        f.debug_struct("Verified").field("request_id", &found.request_id).finish_non_exhaustive()
    }
}
