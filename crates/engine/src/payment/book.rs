//! A batch of payment commands, decided in memory one after another.

use std::{collections::BTreeMap, time::Duration};

use farebox_types::{Id, Merchant, Payment as PaymentKind, Refund as RefundKind, Timestamp};

use super::{
    Answer, Ask, Command, DisputeRow, EventKey, Payment, Posting, ProviderEvent, Refund, RefundState, Render, Request,
    TrailEntry, Word,
    ask::{self, Planned},
    batch::{Changes, Loaded, RequestKey, key_of},
    is_known, link, observe, postings, refund_postings, trail,
};
use crate::ledger::{self, Actor};

/// How long a request's name is remembered.
pub const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// A row, and whether it must be written.
#[derive(Debug)]
struct Held<T> {
    row: T,
    was_there: bool,
    dirty: bool,
}

/// Loaded rows as the commands so far have left them.
#[derive(Debug)]
pub struct Book {
    now: Timestamp,
    payments: BTreeMap<(Id<Merchant>, Id<PaymentKind>), Held<Payment>>,
    refunds: BTreeMap<(Id<Merchant>, Id<RefundKind>), Held<Refund>>,
    requests: BTreeMap<RequestKey, Held<Request>>,
    events: BTreeMap<EventKey, Held<ProviderEvent>>,
    trail: Vec<TrailEntry>,
    postings: Vec<ledger::Command>,
}

fn hold<K: Ord, T>(rows: Vec<T>, key: impl Fn(&T) -> K) -> BTreeMap<K, Held<T>> {
    rows.into_iter().map(|row| (key(&row), Held { row, was_there: true, dirty: false })).collect()
}

impl Book {
    /// Over what was loaded.
    #[must_use]
    pub fn new(now: Timestamp, loaded: Loaded) -> Self {
        Self {
            now,
            payments: hold(loaded.payments, |row| (row.tenant, row.id)),
            refunds: hold(loaded.refunds, |row| (row.tenant, row.id)),
            requests: hold(loaded.requests, key_of),
            events: hold(loaded.events, |row| row.key.clone()),
            trail: Vec::new(),
            postings: Vec::new(),
        }
    }

    /// Decides one command.
    pub fn apply(&mut self, command: &Command) -> Answer {
        match command {
            Command::Begin { payment, request, actor } => self.begin(payment, request.as_ref(), actor),
            Command::Ask { tenant, payment, ask, request, actor } => {
                self.ask((*tenant, *payment), ask, request.as_ref(), actor)
            }
            Command::Observe { tenant, payment, word, answers, event, actor } => {
                let answer = self.observe((*tenant, *payment), word, event.as_deref(), actor);
                if let (Answer::Done { payment, refund }, Some((scope, key, render))) = (&answer, answers) {
                    self.remember(&(*tenant, scope.clone(), key.clone()), (payment, refund.as_deref()), *render);
                }
                answer
            }
            Command::Settle { request, render } => self.settle(request, *render),
            Command::Arrive(event) => self.arrive(event),
            Command::Remind(event) => self.remind(event),
            Command::Shelve { key, next_try } => self.shelve(key, *next_try),
        }
    }

    fn begin(&mut self, payment: &Payment, request: Option<&Request>, actor: &Actor) -> Answer {
        if let Some(held) = self.payments.get(&(payment.tenant, payment.id)) {
            return Answer::Done { payment: Box::new(held.row.clone()), refund: None };
        }
        if let Some(answer) = self.before(request) {
            return answer;
        }
        let mut row = payment.clone();
        let terms = trail::terms(&row);
        self.enter(&mut row, "payment_created", actor, ("", terms));
        self.name(request, None);
        let done = Answer::Done { payment: Box::new(row.clone()), refund: None };
        self.payments.insert((row.tenant, row.id), Held { row, was_there: false, dirty: true });
        done
    }

    fn ask(
        &mut self,
        key: (Id<Merchant>, Id<PaymentKind>),
        ask: &Ask,
        request: Option<&Request>,
        actor: &Actor,
    ) -> Answer {
        if let Some(answer) = self.before(request) {
            return answer;
        }
        let Some(mut row) = self.payments.get(&key).map(|held| held.row.clone()) else { return Answer::NoSuch };
        let planned = match ask::plan(&row, ask, self.now) {
            Ok(planned) => planned,
            Err(denied) => return Answer::Denied(denied),
        };
        let until = Some(self.now.after(observe::WITHIN));
        let before = row.state.as_str();
        let mut refund = None;
        match planned {
            Planned::Call(call) => {
                let (kind, detail) = asked(&call);
                row.details.pending = Some(call);
                row.details.calls = row.details.calls.saturating_add(1);
                row.details.refusal = None;
                row.details.checks = 0;
                row.next_check = until;
                self.enter(&mut row, kind, actor, (before, detail));
            }
            Planned::Refund(new) => {
                row.refunding = row.refunding.saturating_add(new.minor);
                let detail = format!("{{\"refund\":\"{}\",\"amount_minor\":{}}}", new.id, new.minor);
                self.enter(&mut row, "refund_asked", actor, (before, detail));
                refund = Some(Box::new(Refund { next_check: until, ..new }));
            }
        }
        self.name(request, refund.as_ref().map(|refund| refund.id));
        if let Some(row) = &refund {
            self.refunds.insert((row.tenant, row.id), Held { row: (**row).clone(), was_there: false, dirty: true });
        }
        self.payments.insert(key, Held { row: row.clone(), was_there: true, dirty: true });
        Answer::Done { payment: Box::new(row), refund }
    }

    fn observe(
        &mut self,
        key: (Id<Merchant>, Id<PaymentKind>),
        word: &Word,
        event: Option<&ProviderEvent>,
        actor: &Actor,
    ) -> Answer {
        let Some(mut row) = self.payments.get(&key).map(|held| held.row.clone()) else { return Answer::NoSuch };
        let before = row.state.as_str();
        let mut refund = None;
        match word {
            Word::RefundSeen { refund: id, .. } | Word::RefundSilent(id) => {
                let Some(mut back) = self.refunds.get(&(key.0, *id)).map(|held| held.row.clone()) else {
                    return Answer::NoSuch;
                };
                let posted = refund_postings(&row, &back);
                if observe::refund(&mut row, &mut back, word, self.now) {
                    self.refunded(&mut row, &back, actor, (before, &posted));
                }
                back.updated_at = self.now;
                self.refunds.insert((key.0, *id), Held { row: back.clone(), was_there: true, dirty: true });
                refund = Some(Box::new(back));
            }
            _ => self.see(&mut row, word, actor, before),
        }
        self.applied(event);
        self.payments.insert(key, Held { row: row.clone(), was_there: true, dirty: true });
        Answer::Done { payment: Box::new(row), refund }
    }

    /// What a look was for is done with, unless there has been another reason since.
    fn applied(&mut self, event: Option<&ProviderEvent>) {
        let now = self.now;
        let Some(seen) = event else { return };
        let Some(held) = self.events.get_mut(&seen.key) else { return };
        let again = held.row.next_try.is_some() && held.row.next_try != seen.next_try;
        held.row.tries = held.row.tries.saturating_add(1);
        held.row.next_try = again.then(|| now.after(held.row.wait()));
        held.row.applied_at = (!again).then_some(now);
        held.dirty = true;
    }

    fn see(&mut self, row: &mut Payment, word: &Word, actor: &Actor, before: &'static str) {
        let posted = postings(row);
        let disputes = row.details.disputes.clone();
        if !observe::payment(row, word, self.now) {
            row.updated_at = self.now;
            return self.refunded_elsewhere(row, word, actor);
        }
        let (kind, detail) = said(row, word, &disputes);
        self.enter(row, kind, actor, (before, detail));
        let new = postings(row).into_iter().filter(|one| !posted.contains(one));
        self.postings.extend(new.filter_map(|one| one.command(actor.clone()).ok()));
        self.refunded_elsewhere(row, word, actor);
    }

    fn refunded_elsewhere(&mut self, row: &mut Payment, word: &Word, actor: &Actor) {
        let before = row.state.as_str();
        let Some(back) = observe::refunded_elsewhere(row, word, self.now) else { return };
        self.refunded(row, &back, actor, (before, &[]));
        self.refunds.insert((back.tenant, back.id), Held { row: back, was_there: false, dirty: true });
    }

    /// A refund's end, in the trail and, as far as it moved money beyond what is posted, in the ledger.
    fn refunded(&mut self, row: &mut Payment, back: &Refund, actor: &Actor, (before, posted): (&str, &[Posting])) {
        let kind = match back.state {
            RefundState::Succeeded => "refund_succeeded",
            _ if posted.is_empty() => "refund_failed",
            _ => "refund_returned",
        };
        let detail = format!("{{\"refund\":\"{}\",\"amount_minor\":{}}}", back.id, back.minor);
        self.enter(row, kind, actor, (before, detail));
        let new = refund_postings(row, back).into_iter().filter(|one| !posted.contains(one));
        self.postings.extend(new.filter_map(|one| one.command(actor.clone()).ok()));
    }

    /// Whether the name stands for something already.
    fn before(&self, request: Option<&Request>) -> Option<Answer> {
        let request = request?;
        let held = self.requests.get(&key_of(request))?;
        if held.was_there && held.row.created_at.after(REMEMBERED) <= self.now {
            return None;
        }
        let same = held.row.hash == request.hash;
        Some(if same { Answer::Before(Box::new(held.row.clone())) } else { Answer::Conflict })
    }

    fn name(&mut self, request: Option<&Request>, refund: Option<Id<RefundKind>>) {
        let Some(request) = request else { return };
        let row = Request { refund, ..request.clone() };
        let was_there = self.requests.contains_key(&key_of(request));
        self.requests.insert(key_of(request), Held { row, was_there, dirty: true });
    }

    /// The first answer that will not change is the answer of the name from then on.
    fn remember(&mut self, key: &RequestKey, (payment, refund): (&Payment, Option<&Refund>), render: Render) {
        if !is_known(payment, refund) {
            return;
        }
        let unanswered = |row: &Request| row.answer.is_none() && row.payment == payment.id;
        if let Some(held) = self.requests.get_mut(key).filter(|held| unanswered(&held.row)) {
            held.row.answer = Some(render(payment, refund));
            held.dirty = true;
        }
    }

    fn settle(&mut self, request: &Request, render: Render) -> Answer {
        let payment = self.payments.get(&(request.tenant, request.payment)).map(|held| held.row.clone());
        let Some(payment) = payment else { return Answer::NoSuch };
        let refund = request.refund.and_then(|id| self.refunds.get(&(request.tenant, id))).map(|held| held.row.clone());
        if refund.is_none() && request.refund.is_some() {
            return Answer::NoSuch;
        }
        self.remember(&key_of(request), (&payment, refund.as_ref()), render);
        match self.requests.get(&key_of(request)) {
            Some(held) => Answer::Before(Box::new(held.row.clone())),
            None => Answer::NoSuch,
        }
    }

    fn arrive(&mut self, event: &ProviderEvent) -> Answer {
        if self.events.contains_key(&event.key) {
            return Answer::Event { fresh: false };
        }
        self.events.insert(event.key.clone(), Held { row: event.clone(), was_there: false, dirty: true });
        Answer::Event { fresh: true }
    }

    fn remind(&mut self, event: &ProviderEvent) -> Answer {
        let now = self.now;
        match self.events.get_mut(&event.key) {
            None => return self.arrive(event),
            Some(held) => {
                let after_last = held.row.applied_at.map_or(now, |at| at.after(held.row.wait()));
                held.row.next_try = Some(match held.row.next_try {
                    // It waits already, or somebody is looking this moment and may not see what this is about.
                    Some(at) => at.after(Duration::from_micros(1)),
                    None => now.max(after_last),
                });
                held.row.applied_at = None;
                held.dirty = true;
            }
        }
        Answer::Event { fresh: false }
    }

    fn shelve(&mut self, key: &EventKey, next_try: Option<Timestamp>) -> Answer {
        let now = self.now;
        let Some(held) = self.events.get_mut(key) else { return Answer::NoSuch };
        held.row.next_try = next_try;
        held.row.tries = held.row.tries.saturating_add(1);
        held.row.applied_at = if next_try.is_none() { Some(now) } else { None };
        held.dirty = true;
        Answer::Event { fresh: false }
    }

    /// A trail entry, tied to the one before it.
    fn enter(&mut self, row: &mut Payment, kind: &str, actor: &Actor, (before, detail): (&str, String)) {
        row.updated_at = self.now;
        let mut entry = TrailEntry {
            tenant: row.tenant,
            payment: row.id,
            seq: row.trail.0 + 1,
            kind: kind.to_owned(),
            actor: actor.as_str().to_owned(),
            before: before.to_owned(),
            after: row.state.as_str().to_owned(),
            detail: if detail.is_empty() { "{}".to_owned() } else { detail },
            at: self.now,
            hash: [0; 32],
        };
        entry.hash = link(&row.trail.1, &entry);
        row.trail = (entry.seq, entry.hash);
        self.trail.push(entry);
    }

    /// What has changed.
    #[must_use]
    pub fn into_changes(self) -> Changes {
        let (new_requests, requests) = split(self.requests);
        let (new_events, events) = split(self.events);
        let (mut payments, changed) = split(self.payments);
        payments.extend(changed);
        let (mut refunds, changed) = split(self.refunds);
        refunds.extend(changed);
        let (trail, postings) = (self.trail, self.postings);
        Changes { payments, refunds, new_requests, requests, new_events, events, trail, postings }
    }
}

/// The trail's word for what a provider said, and its numbers.
fn said(row: &Payment, word: &Word, disputes_before: &[DisputeRow]) -> (&'static str, String) {
    let detail = format!("{{\"captured_minor\":{}}}", row.captured);
    let newest = row.details.disputes.last().filter(|_| row.details.disputes != disputes_before);
    if let Some(dispute) = newest {
        let kind = match dispute.won {
            None => "dispute_opened",
            Some(true) => "dispute_won",
            Some(false) => "dispute_lost",
        };
        let (captured, minor) = (row.captured, dispute.minor);
        return (kind, format!("{{\"captured_minor\":{captured},\"dispute_minor\":{minor}}}"));
    }
    let kind = match word {
        Word::Seen(seen) if !observe::fits(row, seen) => "provider_differs",
        Word::Refused { .. } => "provider_refused",
        Word::Silent(_) => "provider_silent",
        _ => "provider_answered",
    };
    (kind, detail)
}

const fn word_of(call: &super::Call) -> &'static str {
    match call {
        super::Call::Create => "create_asked",
        super::Call::Confirm(_) => "confirm_asked",
        super::Call::Capture(_) => "capture_asked",
        super::Call::Cancel => "cancel_asked",
    }
}

fn asked(call: &super::Call) -> (&'static str, String) {
    let detail = match call {
        super::Call::Capture(minor) => format!("{{\"amount_minor\":{minor}}}"),
        _ => String::new(),
    };
    (word_of(call), detail)
}

/// The rows to write: new ones, changed ones.
fn split<K, T>(held: BTreeMap<K, Held<T>>) -> (Vec<T>, Vec<T>) {
    let (mut new, mut changed) = (Vec::new(), Vec::new());
    for held in held.into_values().filter(|held| held.dirty) {
        if held.was_there { changed.push(held.row) } else { new.push(held.row) }
    }
    (new, changed)
}
