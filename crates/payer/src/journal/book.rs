//! What the journal knows, in memory: open authorizations, and what was spent today.

use std::collections::{BTreeMap, BTreeSet};

use farebox_types::{AtomicAmount, Timestamp};
use farebox_x402::assets;

use super::{
    JournalError,
    entry::{Entry, Outcome, Purpose},
};
use crate::{
    budget::{Spent, Sum},
    fare::Fare,
};

/// Open authorizations at one time, and different payees on one day.
const MOST: usize = 4096;

#[derive(Default)]
pub(crate) struct Book {
    open: BTreeMap<String, Entry>,
    /// Those that a running request is using.
    busy: BTreeSet<String>,
    day: i64,
    /// By token and payee: one fare each, its amount being the sum.
    spent: BTreeMap<((String, String), String), Fare>,
}

/// Why an authorization cannot be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unclaimed {
    /// Another request is using it.
    Busy,
    /// It ended, or expired.
    Over,
}

pub(crate) fn day_of(now: Timestamp) -> i64 {
    now.seconds().div_euclid(86_400)
}

impl Book {
    /// A new day forgets what was spent; what can no longer be settled is forgotten too.
    pub(crate) fn turn(&mut self, now: Timestamp) {
        let day = day_of(now);
        // A clock that went back does not give yesterday's budget again.
        if day > self.day {
            self.day = day;
            self.spent.clear();
        }
        let busy = &self.busy;
        self.open.retain(|id, entry| busy.contains(id) || !entry.is_over(now));
    }

    pub(crate) const fn day(&self) -> i64 {
        self.day
    }

    pub(crate) fn spent(&self, fare: &Fare) -> Spent {
        let payee = assets::one_spelling(&fare.pay_to);
        let mut spent = Spent::default();
        for ((token, to), sum) in &self.spent {
            let units = if *token == fare.token() { sum.amount } else { AtomicAmount::ZERO };
            let dollars = sum.dollars().unwrap_or_default();
            add(&mut spent.today, units, dollars);
            if *to == payee {
                add(&mut spent.to_payee, units, dollars);
            }
        }
        spent
    }

    /// Counts `fare` as spent on the current day.
    pub(crate) fn count(&mut self, fare: &Fare) -> Result<(), JournalError> {
        let key = (fare.token(), assets::one_spelling(&fare.pay_to));
        if self.spent.len() >= MOST && !self.spent.contains_key(&key) {
            return Err(JournalError::Full);
        }
        let sum = self.spent.entry(key).or_insert_with(|| Fare { amount: AtomicAmount::ZERO, ..fare.clone() });
        sum.amount = sum.amount.checked_add(fare.amount).unwrap_or(AtomicAmount::MAX);
        Ok(())
    }

    /// Adds an authorization that its request is using, and counts it.
    pub(crate) fn write(&mut self, entry: Entry) -> Result<(), JournalError> {
        if self.open.len() >= MOST || self.open.contains_key(&entry.id) {
            return Err(JournalError::Full);
        }
        self.count(&entry.fare)?;
        self.busy.insert(entry.id.clone());
        self.open.insert(entry.id.clone(), entry);
        Ok(())
    }

    /// Takes an authorization back that nobody has seen.
    pub(crate) fn take_back(&mut self, id: &str) {
        let Some(entry) = self.open.remove(id) else { return };
        let key = (entry.fare.token(), assets::one_spelling(&entry.fare.pay_to));
        if day_of(entry.signed_at) >= self.day
            && let Some(sum) = self.spent.get_mut(&key)
        {
            sum.amount = sum.amount.checked_sub(entry.fare.amount).unwrap_or_default();
        }
    }

    pub(crate) fn conclude(&mut self, id: &str, outcome: &Outcome) {
        match outcome {
            Outcome::Unsent => self.take_back(id),
            Outcome::Answered { .. } | Outcome::Lost => _ = self.open.remove(id),
            Outcome::Open(standing) => {
                if let Some(entry) = self.open.get_mut(id) {
                    entry.standing = *standing;
                }
            }
        }
    }

    /// Gives an open authorization for this purpose to its only user.
    pub(crate) fn claim_for(&mut self, purpose: impl FnOnce() -> Purpose, now: Timestamp) -> Option<Entry> {
        // Hashing a body is not for nothing.
        if self.open.is_empty() {
            return None;
        }
        self.turn(now);
        let entry = self.open_for(purpose(), now)?.clone();
        self.busy.insert(entry.id.clone());
        Some(entry)
    }

    pub(crate) fn claim(&mut self, id: &str, now: Timestamp) -> Result<Entry, Unclaimed> {
        self.turn(now);
        let entry = self.open.get(id).filter(|entry| !entry.is_over(now)).ok_or(Unclaimed::Over)?;
        if self.busy.contains(id) {
            return Err(Unclaimed::Busy);
        }
        let entry = entry.clone();
        self.busy.insert(id.to_owned());
        Ok(entry)
    }

    /// Its user is done with it.
    pub(crate) fn let_go(&mut self, id: &str) {
        self.busy.remove(id);
    }

    /// Whether an authorization for this purpose is open, and what it is.
    pub(crate) fn open_for(&self, purpose: Purpose, now: Timestamp) -> Option<&Entry> {
        self.open
            .values()
            .find(|entry| entry.purpose == purpose && !entry.is_over(now) && !self.busy.contains(&entry.id))
    }

    pub(crate) fn open(&self) -> impl Iterator<Item = &Entry> {
        self.open.values()
    }

    /// What was spent today, by token and payee.
    pub(crate) fn sums(&self) -> impl Iterator<Item = &Fare> {
        self.spent.values()
    }

    /// Takes in a line of a journal: an authorization that no request of this process is using. `counted`: a sum that was
    /// taken in before holds it.
    pub(crate) fn recall(&mut self, entry: Entry, counted: bool) -> Result<(), JournalError> {
        let (day, fare) = (day_of(entry.signed_at), entry.fare.clone());
        self.turn_day(day);
        let is_new = self.open.insert(entry.id.clone(), entry).is_none();
        if is_new && !counted && day == self.day { self.count(&fare) } else { Ok(()) }
    }

    /// Takes in a sum of a journal.
    pub(crate) fn recall_sum(&mut self, day: i64, fare: &Fare) -> Result<(), JournalError> {
        self.turn_day(day);
        if day == self.day { self.count(fare) } else { Ok(()) }
    }

    fn turn_day(&mut self, day: i64) {
        if day > self.day {
            self.day = day;
            self.spent.clear();
        }
    }
}

fn add(sum: &mut Sum, units: AtomicAmount, dollars: AtomicAmount) {
    sum.units = sum.units.checked_add(units).unwrap_or(AtomicAmount::MAX);
    sum.dollars = sum.dollars.checked_add(dollars).unwrap_or(AtomicAmount::MAX);
}
