//! A subscription's standing in time, and what callers and time do to it.

use farebox_types::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Event, Interval, NotAllowed, Period, Status, apply, period_at, period_of};
use crate::entitlement::{Course, stored};

/// Whether, and how, periods are paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// There is nothing to pay.
    Free,
    /// Payments are taken from a method that is on file.
    OnFile,
    /// There is something to pay, and no method to take it from.
    Missing,
}

/// Another plan, from the next period on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingChange {
    /// Which plan (a version's id).
    pub plan: Uuid,
    /// When.
    #[serde(with = "stored::time")]
    pub at: Timestamp,
}

/// Where a subscription stands, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// Where it stands.
    pub status: Status,
    /// When it began.
    #[serde(with = "stored::time")]
    pub started_at: Timestamp,
    /// What its periods are counted from, for ever.
    #[serde(with = "stored::time")]
    pub anchor: Timestamp,
    /// How long they are.
    pub interval: Interval,
    /// The current one's first instant.
    #[serde(with = "stored::time")]
    pub period_start: Timestamp,
    /// The first instant after it.
    #[serde(with = "stored::time")]
    pub period_end: Timestamp,
    /// Until when it is, or was, tried out.
    #[serde(with = "stored::time_or_none")]
    pub trial_end: Option<Timestamp>,
    /// It ends with its period.
    pub cancel_at_period_end: bool,
    /// When somebody ended it.
    #[serde(with = "stored::time_or_none")]
    pub canceled_at: Option<Timestamp>,
    /// Since when it rests.
    #[serde(with = "stored::time_or_none")]
    pub paused_at: Option<Timestamp>,
    /// Since when a payment is missing.
    #[serde(with = "stored::time_or_none")]
    pub past_due_since: Option<Timestamp>,
    /// Another plan, from the next period on.
    pub pending_change: Option<PendingChange>,
    /// How periods are paid for.
    pub collection: Collection,
}

/// What time did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The trial is over.
    TrialEnded,
    /// A new period has begun.
    Renewed,
    /// A new period has begun, on this plan.
    Changed(Uuid),
    /// It has ended with its period.
    Ended,
}

impl Step {
    /// The word in the audit trail and in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TrialEnded => "trial_ended",
            Self::Renewed => "renewed",
            Self::Changed(_) => "plan_changed",
            Self::Ended => "canceled",
        }
    }
}

impl Term {
    /// A subscription that waits for its first payment.
    #[must_use]
    pub fn pending(at: Timestamp, interval: Interval, collection: Collection) -> Self {
        let Period { start, end } = period_at(at, interval, 0);
        Self {
            status: Status::PendingActivation,
            started_at: at,
            anchor: at,
            interval,
            period_start: start,
            period_end: end,
            trial_end: None,
            cancel_at_period_end: false,
            canceled_at: None,
            paused_at: None,
            past_due_since: None,
            pending_change: None,
            collection,
        }
    }

    /// Begins, counted from `at`.
    ///
    /// # Errors
    /// [`NotAllowed`] unless it waits for that.
    pub fn activate(self, at: Timestamp) -> Result<Self, NotAllowed> {
        let status = apply(self.status, Event::Activated)?;
        if self.status != Status::PendingActivation {
            return Ok(Self { status, past_due_since: None, ..self });
        }
        let Period { start, end } = period_at(at, self.interval, 0);
        Ok(Self { status, started_at: at, anchor: at, period_start: start, period_end: end, ..self })
    }

    /// Begins with a trial until `end`: periods are counted from there.
    ///
    /// # Errors
    /// [`NotAllowed`] unless it waits for that.
    pub fn start_trial(self, at: Timestamp, end: Timestamp) -> Result<Self, NotAllowed> {
        let status = apply(self.status, Event::TrialStarted)?;
        let trial_end = Some(end);
        Ok(Self { status, started_at: at, anchor: end, period_start: at, period_end: end, trial_end, ..self })
    }

    /// Ends: with the period (which can be taken back), or now.
    ///
    /// # Errors
    /// [`NotAllowed`] if it is over, or has no period to end with.
    pub fn cancel(self, at_period_end: bool, now: Timestamp) -> Result<Self, NotAllowed> {
        let status = apply(self.status, Event::Canceled)?;
        if at_period_end && self.status.is_entitled() {
            let canceled_at = self.canceled_at.or(Some(now));
            return Ok(Self { cancel_at_period_end: true, canceled_at, pending_change: None, ..self });
        }
        Ok(Self { status, cancel_at_period_end: false, canceled_at: Some(now), pending_change: None, ..self })
    }

    /// Takes back an end that has not come.
    ///
    /// # Errors
    /// [`NotAllowed`] if none is to come.
    pub const fn uncancel(self) -> Result<Self, NotAllowed> {
        if !self.cancel_at_period_end || self.status.is_over() {
            return Err(NotAllowed { status: self.status });
        }
        Ok(Self { cancel_at_period_end: false, canceled_at: None, ..self })
    }

    /// Puts it to rest.
    ///
    /// # Errors
    /// [`NotAllowed`] unless it is active.
    pub fn pause(self, now: Timestamp) -> Result<Self, NotAllowed> {
        Ok(Self { status: apply(self.status, Event::Paused)?, paused_at: Some(now), ..self })
    }

    /// Wakes it, in the period that is current by now: the anchor stays.
    ///
    /// # Errors
    /// [`NotAllowed`] unless it rests.
    pub fn resume(self, now: Timestamp) -> Result<Self, NotAllowed> {
        let status = apply(self.status, Event::Resumed)?;
        let period = period_at(self.anchor, self.interval, period_of(self.anchor, self.interval, now).max(0));
        Ok(Self { status, paused_at: None, period_start: period.start, period_end: period.end, ..self })
    }

    /// When time has something to do; `None`: never.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        if self.status.is_entitled() { Some(self.period_end) } else { None }
    }

    /// What time does next, once, if it is due. Repeated until nothing is due, it goes through every period in turn.
    #[must_use]
    pub fn advance(self, now: Timestamp) -> Option<(Self, Step)> {
        let due = self.due_at()?;
        if now < due {
            return None;
        }
        if self.cancel_at_period_end {
            let status = apply(self.status, Event::Canceled).ok()?;
            return Some((Self { status, cancel_at_period_end: false, ..self }, Step::Ended));
        }
        let paid = if self.collection == Collection::Missing { Event::PaymentFailed } else { Event::Activated };
        let status = apply(self.status, paid).ok()?;
        let unpaid = status == Status::PastDue;
        let past_due_since = if unpaid { self.past_due_since.or(Some(due)) } else { None };
        let period = period_at(self.anchor, self.interval, period_of(self.anchor, self.interval, due).max(0));
        let change = self.pending_change.filter(|change| change.at <= due);
        let next = Self {
            status,
            period_start: period.start,
            period_end: period.end,
            past_due_since,
            pending_change: self.pending_change.filter(|_| change.is_none()),
            ..self
        };
        let step = match change {
            Some(change) => Step::Changed(change.plan),
            None if self.status == Status::Trialing => Step::TrialEnded,
            None => Step::Renewed,
        };
        Some((next, step))
    }

    /// Whether it gives anything at `now`: also what is past due, within so many seconds of grace.
    #[must_use]
    pub fn is_entitled(&self, now: Timestamp, grace: std::time::Duration) -> bool {
        let within = self.past_due_since.is_none_or(|since| now < since.after(grace));
        self.status.is_entitled() && (self.status != Status::PastDue || within) && !self.has_ended(now)
    }

    const fn has_ended(&self, now: Timestamp) -> bool {
        self.cancel_at_period_end && now.micros() >= self.period_end.micros()
    }

    /// What decides its windows.
    #[must_use]
    pub const fn course(&self) -> Course {
        let Self { started_at, trial_end, anchor, interval, .. } = *self;
        Course { started_at, trial_end, anchor, interval }
    }
}
