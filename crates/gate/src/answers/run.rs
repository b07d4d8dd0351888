//! One run of a handler: what becomes of its claim.

use std::{fmt, mem, sync::Arc};

use farebox_x402::Receipt;
use tokio::runtime::Handle;
use tracing::Instrument;

use super::{AnswerStore, Kept, Ticket};

/// A claim in hand. Dropped without a word, it is let go.
pub(crate) struct Run {
    store: Arc<dyn AnswerStore>,
    ticket: Ticket,
    in_hand: bool,
}

impl Run {
    pub(crate) const fn new(store: Arc<dyn AnswerStore>, ticket: Ticket) -> Self {
        Self { store, ticket, in_hand: true }
    }

    /// A claim whose answer is kept.
    pub(crate) const fn kept(store: Arc<dyn AnswerStore>, ticket: Ticket) -> Self {
        Self { store, ticket, in_hand: false }
    }

    /// Keeps the answer before money is asked for. False if it cannot be kept: then nothing may be asked for.
    pub(crate) async fn keep(&mut self, kept: &Kept) -> bool {
        match self.store.keep(self.ticket, kept).await {
            Ok(true) => {
                self.in_hand = false;
                true
            }
            Ok(false) => {
                tracing::error!("the handler outlived its hold, and its payment is in other hands: nothing is charged");
                self.in_hand = false;
                false
            }
            Err(fault) => {
                tracing::error!(source = fault.source.as_deref(), "an answer cannot be kept: {fault}");
                false
            }
        }
    }

    /// The money is taken.
    pub(crate) async fn close(self, receipt: &Receipt) {
        if let Err(fault) = self.store.close(self.ticket, receipt).await {
            // The answer is kept without it: the next who asks asks the rail.
            tracing::error!(source = fault.source.as_deref(), "a receipt cannot be kept: {fault}");
        }
    }

    /// Nothing was taken.
    pub(crate) async fn let_go(mut self) {
        self.in_hand = false;
        let_go(&*self.store, self.ticket).await;
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !mem::take(&mut self.in_hand) {
            return;
        }
        let (store, ticket) = (Arc::clone(&self.store), self.ticket);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move { let_go(&*store, ticket).await }.in_current_span())),
            Err(_) => tracing::warn!("no runtime is left to let a payment go; its lease ends by itself"),
        }
    }
}

async fn let_go(store: &dyn AnswerStore, ticket: Ticket) {
    if let Err(fault) = store.let_go(ticket).await {
        tracing::error!(
            source = fault.source.as_deref(),
            "a payment cannot be let go, its lease ends by itself: {fault}"
        );
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("ticket", &self.ticket.run).finish_non_exhaustive()
    }
}
