//! What can be asked of the payments' book, and its answers.

use std::time::Duration;

use farebox_types::{Id, Merchant, Payment as PaymentKind, Timestamp};

use super::{Ask, Denied, Payment, Refund, Request, Word};
use crate::ledger::Actor;

/// Makes the answer that a request's name stands for from then on, once [`super::is_known`]: status and body.
pub type Render = fn(&Payment, Option<&Refund>) -> (i16, String);

/// A provider's event: provider and the provider's id of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey {
    /// The merchant whose endpoint it came to.
    pub tenant: Id<Merchant>,
    /// Whose.
    pub provider: String,
    /// Its id there.
    pub id: String,
}

/// A webhook that has been verified and is to be applied once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderEvent {
    /// Which.
    pub key: EventKey,
    /// The provider's word for it.
    pub kind: String,
    /// Our id, if it names it: the text that the provider was given.
    pub our_id: Option<String>,
    /// The provider's id of the payment, if it names it.
    pub provider_id: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
    /// When it was applied, or found to be about nothing of ours.
    pub applied_at: Option<Timestamp>,
    /// When to try it next.
    pub next_try: Option<Timestamp>,
    /// Tries so far.
    pub tries: u32,
}

impl ProviderEvent {
    /// How long to wait before it is tried again.
    #[must_use]
    pub fn wait(&self) -> Duration {
        Duration::from_secs(2_u64 << self.tries.min(10))
    }
}

/// One atomic unit. Each may be sent again: it has its effect once.
#[derive(Debug, Clone)]
pub enum Command {
    /// Writes a payment's intent, with the call that follows.
    Begin {
        /// The new row, in [`super::State::Created`].
        payment: Box<Payment>,
        /// The caller's name for it.
        request: Option<Request>,
        /// Who.
        actor: Actor,
    },
    /// Writes the intent of a further call.
    Ask {
        /// The merchant.
        tenant: Id<Merchant>,
        /// Which payment.
        payment: Id<PaymentKind>,
        /// What for.
        ask: Ask,
        /// The caller's name for it.
        request: Option<Request>,
        /// Who.
        actor: Actor,
    },
    /// Writes what the provider said.
    Observe {
        /// The merchant.
        tenant: Id<Merchant>,
        /// Which payment.
        payment: Id<PaymentKind>,
        /// What it said.
        word: Word,
        /// The request that this answers: scope, key, and how.
        answers: Option<(String, String, Render)>,
        /// The event that made us look, as it was before the look.
        event: Option<Box<ProviderEvent>>,
        /// Who.
        actor: Actor,
    },
    /// Gives a request its answer, where its call ended without anybody who could say so.
    Settle {
        /// The request, as it stands in the store.
        request: Box<Request>,
        /// How it is answered.
        render: Render,
    },
    /// Writes down that an event has come.
    Arrive(Box<ProviderEvent>),
    /// Writes down that there may be news of something, on the word of whoever sent it. There is one row for each thing, however
    /// often this comes; the oftener, the longer it waits.
    Remind(Box<ProviderEvent>),
    /// An event is about nothing of ours, or is to be tried again then.
    Shelve {
        /// Which.
        key: EventKey,
        /// When to try it again; `None`: it is done with.
        next_try: Option<Timestamp>,
    },
}

/// What became of a command. Only `Done` and a fresh `Event` wrote anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Written, or there was nothing new.
    Done {
        /// The payment afterwards.
        payment: Box<Payment>,
        /// The refund it was about, afterwards.
        refund: Option<Box<Refund>>,
    },
    /// The name stands for an earlier, equal request.
    Before(Box<Request>),
    /// The name stands for an earlier, other request.
    Conflict,
    /// There is no such payment.
    NoSuch,
    /// It may not be asked now.
    Denied(Denied),
    /// An event was written down, or was there.
    Event {
        /// False if it was there.
        fresh: bool,
    },
}
