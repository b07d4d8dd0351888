//! The simulated provider's rules: what a write does to its payments. No I/O, no clock; ids are made here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use farebox_types::Timestamp;
use uuid::Uuid;

use super::{
    journal::Line,
    methods::{Card, Hooks, Op, Script, Verdict, script},
};
use crate::sim::types::{
    Answer, Ask, NewPayment, SimDispute, SimError, SimEvent, SimEventData, SimObject, SimPayment, SimRefund, SimState,
};

/// How long a payment stays in `processing`.
const THINKING_MICROS: i64 = 2_000_000;
/// How late late webhooks are.
const LATE_MICROS: i64 = 5_000_000;
/// How far a webhook falls behind when the order is reversed.
const REVERSED_MICROS: i64 = 1_000_000;

/// Everything the simulated provider knows.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// By id; ids sort by creation.
    pub(super) payments: BTreeMap<String, SimPayment>,
    pub(super) refunds: BTreeMap<String, SimRefund>,
    by_our_id: HashMap<String, String>,
    answered: HashMap<String, (String, Answer)>,
    troubled: HashSet<String>,
    pub(super) events: BTreeMap<String, SimEvent>,
    /// Deliveries that are due, by time.
    pub(super) deliveries: BTreeMap<(i64, u64), String>,
    sequence: u64,
    /// Ids of payments in `processing`.
    thinking: BTreeSet<String>,
}

impl Book {
    /// Takes in a line, from the journal or of this call.
    pub(super) fn take(&mut self, line: Line) {
        match line {
            Line::Payment(payment) => {
                self.by_our_id.entry(payment.our_id.clone()).or_insert_with(|| payment.id.clone());
                match payment.state {
                    SimState::Processing => self.thinking.insert(payment.id.clone()),
                    _ => self.thinking.remove(&payment.id),
                };
                self.payments.insert(payment.id.clone(), payment);
            }
            Line::Refund(refund) => {
                self.refunds.insert(refund.id.clone(), refund);
            }
            Line::Answered { key, print, answer } => {
                self.answered.insert(key, (print, answer));
            }
            Line::Troubled { key } => {
                self.troubled.insert(key);
            }
            Line::Event { event, due } => {
                for at in due {
                    self.sequence = self.sequence.saturating_add(1);
                    self.deliveries.insert((at, self.sequence), event.id.clone());
                }
                self.events.insert(event.id.clone(), event);
            }
            Line::Delivered { event } => {
                let first = self.deliveries.iter().find(|(_, id)| **id == event).map(|(at, _)| *at);
                if let Some(at) = first {
                    self.deliveries.remove(&at);
                }
            }
        }
    }

    /// What was answered under this key, if anything was.
    pub(super) fn answered(&self, key: &str) -> Option<&(String, Answer)> {
        self.answered.get(key)
    }

    /// Whether this key's trouble is behind it.
    pub(super) fn is_troubled(&self, key: &str) -> bool {
        self.troubled.contains(key)
    }

    /// By its id or the caller's.
    pub(super) fn find(&self, id: &str) -> Option<&SimPayment> {
        self.payments.get(id).or_else(|| self.payments.get(self.by_our_id.get(id)?))
    }

    /// What the payment's method, or the new one's, does.
    pub(super) fn script_of(&self, ask: &Ask) -> (Op, Option<Script>) {
        let of = |id: &str| self.find(id).and_then(|payment| script(&payment.method));
        match ask {
            Ask::Create(new) => (Op::Create, script(&new.method)),
            Ask::Confirm { payment } => (Op::Confirm, of(payment)),
            Ask::Capture { payment, .. } => (Op::Capture, of(payment)),
            Ask::Cancel { payment } => (Op::Cancel, of(payment)),
            Ask::Refund { payment, .. } => (Op::Refund, of(payment)),
        }
    }

    /// Decides a write: what to answer, and what changes.
    pub(super) fn decide(&self, ask: &Ask, page: &str, now: Timestamp) -> (Answer, Vec<Line>) {
        let decided = match ask {
            Ask::Create(new) => create(new, page, now),
            Ask::Confirm { payment } => {
                self.known(payment).map(|payment| (Answer::Payment(Box::new(payment.clone())), Vec::new()))
            }
            Ask::Capture { payment, minor } => self.known(payment).and_then(|payment| capture(payment, *minor, now)),
            Ask::Cancel { payment } => self.known(payment).and_then(|payment| cancel(payment, now)),
            Ask::Refund { payment, our_refund, minor } => {
                self.known(payment).and_then(|payment| refund(payment, our_refund, *minor, now))
            }
        };
        decided.unwrap_or_else(|error| (Answer::Error(error), Vec::new()))
    }

    /// The payer's word on the hosted page.
    pub(super) fn answer_of_payer(&self, id: &str, approves: bool, now: Timestamp) -> Result<Vec<Line>, SimError> {
        let payment = self.known(id)?;
        if payment.state != SimState::RequiresAction {
            return Err(invalid("there is nothing to decide on this payment"));
        }
        let then = match script(&payment.method).map(|script| script.card) {
            Some(Card::Asks { then }) if approves => then,
            _ => Verdict::Decline,
        };
        let reason = if approves { "generic_decline" } else { "authentication_failed" };
        Ok(fall(payment.clone(), then, reason, now))
    }

    /// A bank's word on a payment that has been thought about long enough.
    pub(super) fn decide_late(&self, now: Timestamp) -> Vec<Line> {
        let due = |payment: &&SimPayment| payment.decided_at.is_some_and(|at| at <= now.micros());
        let thinking = self.thinking.iter().filter_map(|id| self.payments.get(id)).filter(due);
        let fallen = thinking.flat_map(|payment| {
            let then = match script(&payment.method).map(|script| script.card) {
                Some(Card::Thinks { then }) => then,
                _ => Verdict::Approve,
            };
            fall(payment.clone(), then, "generic_decline", now)
        });
        fallen.collect()
    }

    fn known(&self, id: &str) -> Result<&SimPayment, SimError> {
        self.find(id).ok_or_else(|| SimError::new("not_found", "there is no such payment"))
    }
}

type Decided = Result<(Answer, Vec<Line>), SimError>;

fn invalid(message: &str) -> SimError {
    SimError::new("invalid_request", message)
}

fn create(new: &NewPayment, page: &str, now: Timestamp) -> Decided {
    let script = script(&new.method).ok_or_else(|| invalid("there is no such payment method"))?;
    let currency = new.currency.len() == 3 && new.currency.bytes().all(|b| b.is_ascii_uppercase());
    if new.minor <= 0 || !currency || new.our_id.is_empty() {
        return Err(invalid("a payment has an id, an amount above zero and a currency"));
    }
    let id = format!("pi_sim_{}", Uuid::now_v7().simple());
    let fresh = SimPayment {
        action_url: None,
        captured_minor: 0,
        created: now.seconds(),
        currency: new.currency.clone(),
        customer_id: new.customer_id.clone(),
        decided_at: None,
        dispute: None,
        disputed_minor: 0,
        error: None,
        id,
        manual_capture: new.manual_capture,
        method: new.method.clone(),
        minor: new.minor,
        our_id: new.our_id.clone(),
        refunded_minor: 0,
        return_url: new.return_url.clone(),
        state: SimState::Processing,
    };
    let lines = match script.card {
        Card::Approves => fall(fresh, Verdict::Approve, "", now),
        Card::Declines(reason) => fall(fresh, Verdict::Decline, reason, now),
        Card::Asks { .. } => {
            let action_url = Some(format!("{page}/{}", fresh.id));
            told(
                SimPayment { state: SimState::RequiresAction, action_url, ..fresh },
                "payment_intent.requires_action",
                now,
            )
        }
        Card::Thinks { .. } => {
            let decided_at = Some(now.micros().saturating_add(THINKING_MICROS));
            told(SimPayment { decided_at, ..fresh }, "payment_intent.processing", now)
        }
    };
    let payment = lines.iter().rev().find_map(|line| match line {
        Line::Payment(payment) => Some(payment.clone()),
        _ => None,
    });
    let payment = payment.ok_or_else(|| invalid("nothing came of it"))?;
    Ok((answer(payment), lines))
}

/// A decline answers as an error that names the payment.
fn answer(payment: SimPayment) -> Answer {
    match payment.error {
        Some(error) => Answer::Error(error),
        None => Answer::Payment(Box::new(payment)),
    }
}

/// A decision on a payment.
fn fall(payment: SimPayment, verdict: Verdict, reason: &str, now: Timestamp) -> Vec<Line> {
    let payment = SimPayment { action_url: None, decided_at: None, ..payment };
    let script = script(&payment.method);
    if verdict == Verdict::Decline {
        let error = SimError {
            code: "card_declined".to_owned(),
            decline_code: Some(reason.to_owned()),
            message: "the card was declined".to_owned(),
            payment: Some(payment.id.clone()),
        };
        let failed = SimPayment { state: SimState::Failed, error: Some(error), ..payment };
        return told(failed, "payment_intent.payment_failed", now);
    }
    if payment.manual_capture {
        let held = SimPayment { state: SimState::RequiresCapture, ..payment };
        return told(held, "payment_intent.amount_capturable_updated", now);
    }
    let mut lines = Vec::new();
    if script.is_some_and(|script| script.hooks == Hooks::Reversed) {
        lines.extend(told(payment.clone(), "payment_intent.processing", now));
    }
    let mut paid = SimPayment { state: SimState::Succeeded, captured_minor: payment.minor, ..payment };
    lines.extend(told(paid.clone(), "payment_intent.succeeded", now));
    if script.is_some_and(|script| script.disputed) {
        paid.dispute = Some(SimDispute::Open);
        let minor = paid.captured_minor;
        lines.extend(disputed(paid, SimDispute::Open, minor, now));
    }
    lines
}

/// A dispute that opens or ends.
pub(super) fn disputed(payment: SimPayment, status: SimDispute, minor: i64, now: Timestamp) -> Vec<Line> {
    let kind = if status == SimDispute::Open { "charge.dispute.created" } else { "charge.dispute.closed" };
    let object = SimObject::Dispute { payment_intent: payment.id.clone(), status, amount: minor };
    let event = event(&payment, kind, object, now);
    let payment = SimPayment { dispute: Some(status), disputed_minor: minor, ..payment };
    [Line::Payment(payment)].into_iter().chain(event).collect()
}

/// A refund whose money the payer's bank sends back.
pub(super) fn returned(payment: SimPayment, refund: SimRefund, now: Timestamp) -> Vec<Line> {
    let refunded_minor = payment.refunded_minor.saturating_sub(refund.minor);
    let refund = SimRefund { failed: true, ..refund };
    let event = event(&payment, "refund.failed", SimObject::Refund(refund.clone()), now);
    let payment = SimPayment { refunded_minor, ..payment };
    [Line::Payment(payment), Line::Refund(refund)].into_iter().chain(event).collect()
}

fn capture(payment: &SimPayment, minor: i64, now: Timestamp) -> Decided {
    if payment.state != SimState::RequiresCapture {
        return Err(invalid("only an authorized payment can be captured"));
    }
    if minor <= 0 || minor > payment.minor {
        return Err(invalid("more than was authorized"));
    }
    let paid = SimPayment { state: SimState::Succeeded, captured_minor: minor, ..payment.clone() };
    Ok((Answer::Payment(Box::new(paid.clone())), told(paid, "payment_intent.succeeded", now)))
}

fn cancel(payment: &SimPayment, now: Timestamp) -> Decided {
    if !matches!(payment.state, SimState::RequiresAction | SimState::RequiresCapture) {
        return Err(invalid("this payment can no longer be canceled"));
    }
    let canceled = SimPayment { state: SimState::Canceled, action_url: None, ..payment.clone() };
    Ok((Answer::Payment(Box::new(canceled.clone())), told(canceled, "payment_intent.canceled", now)))
}

fn refund(payment: &SimPayment, our_refund: &str, minor: i64, now: Timestamp) -> Decided {
    if payment.state != SimState::Succeeded || script(&payment.method).is_some_and(|script| script.keeps) {
        return Err(invalid("this payment cannot be refunded"));
    }
    let refunded_minor = payment.refunded_minor.saturating_add(minor);
    if minor <= 0 || refunded_minor > payment.captured_minor {
        return Err(SimError::new("amount_too_large", "more than is left to refund"));
    }
    let refund = SimRefund {
        failed: false,
        created: now.seconds(),
        id: format!("re_sim_{}", Uuid::now_v7().simple()),
        minor,
        our_refund: our_refund.to_owned(),
        payment: payment.id.clone(),
    };
    let payment = SimPayment { refunded_minor, ..payment.clone() };
    let event = event(&payment, "refund.created", SimObject::Refund(refund.clone()), now);
    let lines = [Line::Payment(payment), Line::Refund(refund.clone())].into_iter().chain(event).collect();
    Ok((Answer::Refund(refund), lines))
}

/// The payment as it now is, and its event.
fn told(payment: SimPayment, kind: &str, now: Timestamp) -> Vec<Line> {
    let event = event(&payment, kind, SimObject::PaymentIntent(Box::new(payment.clone())), now);
    [Line::Payment(payment)].into_iter().chain(event).collect()
}

fn event(payment: &SimPayment, kind: &str, object: SimObject, now: Timestamp) -> Option<Line> {
    let at = now.micros();
    let due = match script(&payment.method).map_or(Hooks::Prompt, |script| script.hooks) {
        Hooks::Lost => return None,
        Hooks::Prompt => vec![at],
        Hooks::Twice => vec![at, at],
        Hooks::Late => vec![at.saturating_add(LATE_MICROS)],
        Hooks::Reversed if kind == "payment_intent.processing" => vec![at.saturating_add(REVERSED_MICROS)],
        Hooks::Reversed => vec![at],
    };
    let id = format!("evt_sim_{}", Uuid::now_v7().simple());
    let event = SimEvent { created: now.seconds(), data: SimEventData { object }, id, kind: kind.to_owned() };
    Some(Line::Event { event, due })
}
