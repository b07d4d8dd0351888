//! One run of a handler: what becomes of its claim.

use std::{fmt, mem, sync::Arc};

use farebox_x402::Receipt;
use tokio::runtime::Handle;
use tracing::Instrument;

use super::{AnswerStore, Kept, Ticket};

/// The claims behind one run, in hand. Dropped without a word, they are let go; once money is asked for, put down.
pub(crate) struct Run {
    store: Arc<dyn AnswerStore>,
    /// The payment's, and its identifier's if it has one.
    tickets: Vec<Ticket>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing is kept, no money was asked for.
    InHand,
    /// Kept; the money is asked for.
    Asking,
    /// Whoever brings the payment next may go on.
    Over,
}

impl Run {
    pub(crate) fn new(store: Arc<dyn AnswerStore>, ticket: Ticket) -> Self {
        Self { store, tickets: vec![ticket], stage: Stage::InHand }
    }

    /// A claim that is kept, whose money is to be asked for.
    pub(crate) fn kept(store: Arc<dyn AnswerStore>, ticket: Ticket) -> Self {
        Self { store, tickets: vec![ticket], stage: Stage::Asking }
    }

    /// Another claim for the same run.
    pub(crate) fn add(&mut self, ticket: Ticket) {
        self.tickets.push(ticket);
    }

    /// Keeps the answer before money is asked for, or at the end of what was paid first. False if it cannot be kept: then
    /// nothing may be asked for.
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
        self.stage = if kept.receipt.is_some() { Stage::Over } else { Stage::Asking };
        true
    }

    /// Nobody knows whether the money was taken: the next who brings the payment may ask.
    pub(crate) async fn put_down(&mut self) {
        self.stage = Stage::Over;
        put_down(&*self.store, &self.tickets).await;
    }

    /// The money is taken. False if somebody else has said so before.
    pub(crate) async fn close(mut self, receipt: &Receipt) -> bool {
        self.stage = Stage::Over;
        let mut first = false;
        for ticket in &self.tickets {
            first |= self.store.close(*ticket, receipt).await.unwrap_or_else(|fault| {
                // The answer is kept without it: the next who asks asks the rail.
                tracing::error!(source = fault.source.as_deref(), "a receipt cannot be kept: {fault}");
                true
            });
        }
        first
    }

    /// Nothing was taken.
    pub(crate) async fn let_go(mut self) {
        self.stage = Stage::Over;
        let_go(&*self.store, &self.tickets).await;
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let stage = mem::replace(&mut self.stage, Stage::Over);
        if stage == Stage::Over {
            return;
        }
        let (store, tickets) = (Arc::clone(&self.store), mem::take(&mut self.tickets));
        let ending = async move {
            match stage {
                Stage::InHand => let_go(&*store, &tickets).await,
                Stage::Asking | Stage::Over => put_down(&*store, &tickets).await,
            }
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(ending.in_current_span())),
            Err(_) => tracing::warn!("no runtime is left to let a payment go; its lease ends by itself"),
        }
    }
}

async fn put_down(store: &dyn AnswerStore, tickets: &[Ticket]) {
    for ticket in tickets {
        if let Err(fault) = store.put_down(*ticket).await {
            tracing::error!(source = fault.source.as_deref(), "a payment cannot be put down: {fault}");
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
        f.debug_struct("Run").field("claims", &self.tickets.len()).field("stage", &self.stage).finish_non_exhaustive()
    }
}
