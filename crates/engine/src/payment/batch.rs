//! What a batch of payment commands needs, and what it changes.

use farebox_types::{Id, Merchant, Payment as PaymentKind, Refund as RefundKind};

use super::{Command, EventKey, Payment, ProviderEvent, Refund, Request, TrailEntry, Word};
use crate::ledger;

/// A request's name: merchant, scope, key.
pub type RequestKey = (Id<Merchant>, String, String);

/// What must be loaded, and locked where it is there, before a batch is decided.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Payments, in order.
    pub payments: Vec<(Id<Merchant>, Id<PaymentKind>)>,
    /// Refunds, in order.
    pub refunds: Vec<(Id<Merchant>, Id<RefundKind>)>,
    /// Requests, in order.
    pub requests: Vec<RequestKey>,
    /// Events, in order.
    pub events: Vec<EventKey>,
}

impl Needs {
    /// What these commands touch.
    #[must_use]
    pub fn of(commands: &[Command]) -> Self {
        let mut needs = Self::default();
        for command in commands {
            needs.add(command);
        }
        needs.payments.sort_unstable();
        needs.payments.dedup();
        needs.refunds.sort_unstable();
        needs.refunds.dedup();
        needs.requests.sort_unstable();
        needs.requests.dedup();
        needs.events.sort_unstable();
        needs.events.dedup();
        needs
    }

    fn add(&mut self, command: &Command) {
        match command {
            Command::Begin { payment, request, .. } => {
                self.payments.push((payment.tenant, payment.id));
                self.requests.extend(request.as_ref().map(key_of));
            }
            Command::Ask { tenant, payment, request, .. } => {
                self.payments.push((*tenant, *payment));
                self.requests.extend(request.as_ref().map(key_of));
            }
            Command::Observe { tenant, payment, word, answers, event, .. } => {
                self.payments.push((*tenant, *payment));
                if let Word::RefundSeen { refund, .. } | Word::RefundSilent(refund) = word {
                    self.refunds.push((*tenant, *refund));
                }
                self.requests.extend(answers.as_ref().map(|(scope, key, _)| (*tenant, scope.clone(), key.clone())));
                self.events.extend(event.as_ref().map(|event| event.key.clone()));
            }
            Command::Settle { request, .. } => {
                self.payments.push((request.tenant, request.payment));
                self.refunds.extend(request.refund.map(|refund| (request.tenant, refund)));
                self.requests.push(key_of(request));
            }
            Command::Arrive(event) | Command::Remind(event) => self.events.push(event.key.clone()),
            Command::Shelve { key, .. } => self.events.push(key.clone()),
        }
    }
}

pub(super) fn key_of(request: &Request) -> RequestKey {
    (request.tenant, request.scope.clone(), request.key.clone())
}

/// What was found of [`Needs`].
#[derive(Debug, Default)]
pub struct Loaded {
    /// Payments.
    pub payments: Vec<Payment>,
    /// Refunds.
    pub refunds: Vec<Refund>,
    /// Requests.
    pub requests: Vec<Request>,
    /// Events.
    pub events: Vec<ProviderEvent>,
}

/// What to write. `new_*` must not be there yet: if one is, somebody else has been faster, and the batch is decided anew.
#[derive(Debug, Default)]
pub struct Changes {
    /// New and changed payments.
    pub payments: Vec<Payment>,
    /// New and changed refunds.
    pub refunds: Vec<Refund>,
    /// New requests.
    pub new_requests: Vec<Request>,
    /// Changed requests.
    pub requests: Vec<Request>,
    /// New events.
    pub new_events: Vec<ProviderEvent>,
    /// Changed events.
    pub events: Vec<ProviderEvent>,
    /// New entries of trails.
    pub trail: Vec<TrailEntry>,
    /// What the ledger is to post.
    pub postings: Vec<ledger::Command>,
}

impl Changes {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.payments.is_empty()
            && self.refunds.is_empty()
            && self.new_requests.is_empty()
            && self.requests.is_empty()
            && self.new_events.is_empty()
            && self.events.is_empty()
    }
}
