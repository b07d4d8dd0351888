//! One run of a handler: what becomes of its claim.

use std::{fmt, mem, sync::Arc};

use farebox_x402::Receipt;
use tokio::runtime::Handle;
use tracing::Instrument;

use super::{AnswerStore, Kept, Ticket};

/// The claims behind one run, in hand. Dropped without a word, they are let go.
pub(crate) struct Run {
    store: Arc<dyn AnswerStore>,
    /// The payment's, and its identifier's if it has one.
    tickets: Vec<Ticket>,
    in_hand: bool,
}

impl Run {
    pub(crate) fn new(store: Arc<dyn AnswerStore>, ticket: Ticket) -> Self {
        Self { store, tickets: vec![ticket], in_hand: true }
    }

    /// A claim whose answer is kept.
    pub(crate) fn kept(store: Arc<dyn AnswerStore>, ticket: Ticket) -> Self {
        Self { store, tickets: vec![ticket], in_hand: false }
    }

    /// Another claim for the same run.
    pub(crate) fn add(&mut self, ticket: Ticket) {
        self.tickets.push(ticket);
    }

    /// Keeps the answer before money is asked for. False if it cannot be kept: then nothing may be asked for.
    pub(crate) async fn keep(&mut self, kept: &Kept) -> bool {
        for ticket in &self.tickets {
            match self.store.keep(*ticket, kept).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::error!("the handler outlived its hold, and its payment is in other hands");
                    return false;
                }
                Err(fault) => {
                    tracing::error!(source = fault.source.as_deref(), "an answer cannot be kept: {fault}");
                    return false;
                }
            }
        }
        self.in_hand = false;
        true
    }

    /// Nobody knows whether the money was taken: the next who brings the payment may ask.
    pub(crate) async fn put_down(&self) {
        for ticket in &self.tickets {
            if let Err(fault) = self.store.put_down(*ticket).await {
                tracing::error!(source = fault.source.as_deref(), "a payment cannot be put down: {fault}");
            }
        }
    }

    /// The money is taken.
    pub(crate) async fn close(self, receipt: &Receipt) {
        for ticket in &self.tickets {
            if let Err(fault) = self.store.close(*ticket, receipt).await {
                // The answer is kept without it: the next who asks asks the rail.
                tracing::error!(source = fault.source.as_deref(), "a receipt cannot be kept: {fault}");
            }
        }
    }

    /// Nothing was taken.
    pub(crate) async fn let_go(mut self) {
        self.in_hand = false;
        let_go(&*self.store, &self.tickets).await;
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !mem::take(&mut self.in_hand) {
            return;
        }
        let (store, tickets) = (Arc::clone(&self.store), mem::take(&mut self.tickets));
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move { let_go(&*store, &tickets).await }.in_current_span())),
            Err(_) => tracing::warn!("no runtime is left to let a payment go; its lease ends by itself"),
        }
    }
}

async fn let_go(store: &dyn AnswerStore, tickets: &[Ticket]) {
    for ticket in tickets {
        if let Err(fault) = store.let_go(*ticket).await {
            let source = fault.source.as_deref();
            tracing::error!(source, "a payment cannot be let go, its lease ends by itself: {fault}");
        }
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("claims", &self.tickets.len()).finish_non_exhaustive()
    }
}
