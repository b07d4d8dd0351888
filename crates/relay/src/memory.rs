//! Answers to checks, kept for at most a second: off unless the merchant asks for it.
//!
//! A write through this relay forgets what is known of its caller, and an answer that was asked for before the write ended
//! is not kept. Writes elsewhere show when the time is up.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use farebox_telemetry::paylera::{
    Metric, RELAY_TRACER, label,
    metric::{CACHE_HITS, CACHE_MISSES},
};
use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Meter},
};
use tokio::time::Instant;

use crate::upstream::Answer;

/// The longest that the protocol allows.
pub(crate) const LONGEST: Duration = Duration::from_secs(1);
/// More callers than this within one time are not remembered.
const MOST_CALLERS: usize = 10_000;
/// More questions than this of one caller are not remembered.
const MOST_QUESTIONS: usize = 20;
/// Longer questions than this are not remembered.
const LONGEST_QUESTION: usize = 512;

pub(crate) struct Memory {
    lasts: Duration,
    callers: Mutex<HashMap<String, Caller>>,
    hits: Counter<u64>,
    misses: Counter<u64>,
}

#[derive(Default)]
struct Caller {
    /// Questions on their way upstream.
    asking: usize,
    /// How many writes there have been since the first of them was asked.
    writes: u64,
    answers: HashMap<Vec<u8>, (Instant, Answer)>,
}

impl Caller {
    fn is_idle(&self, now: Instant) -> bool {
        self.asking == 0 && self.answers.values().all(|(until, _)| *until <= now)
    }
}

/// What a question comes to.
pub(crate) enum Recalled<'a> {
    Known(Answer),
    /// To be asked upstream; the answer may be kept.
    Asking(Asking<'a>),
}

/// A question on its way; however it ends, it is no longer on its way.
pub(crate) struct Asking<'a> {
    memory: &'a Memory,
    caller: &'a str,
    writes: u64,
}

/// A write of this caller: when it is over, whatever came of it, what was known is not known any more.
pub(crate) struct Writing<'a> {
    memory: Option<&'a Memory>,
    caller: &'a str,
}

impl Memory {
    pub(crate) fn new(lasts: Duration) -> Self {
        let meter = global::meter(RELAY_TRACER);
        let counter = |metric: Metric| counter(&meter, metric);
        Self { lasts, callers: Mutex::default(), hits: counter(CACHE_HITS), misses: counter(CACHE_MISSES) }
    }

    fn callers(&self) -> MutexGuard<'_, HashMap<String, Caller>> {
        // Every change of it is one step: a panic elsewhere leaves it whole.
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of `caller`'s question; `None` if there is no room to remember it.
    pub(crate) fn recall<'a>(&'a self, caller: &'a str, question: &[u8], feature: &str) -> Option<Recalled<'a>> {
        if question.len() > LONGEST_QUESTION {
            return None;
        }
        let (now, mut callers) = (Instant::now(), self.callers());
        if !callers.contains_key(caller) {
            if callers.len() >= MOST_CALLERS {
                callers.retain(|_, caller| !caller.is_idle(now));
            }
            if callers.len() >= MOST_CALLERS {
                return None;
            }
            callers.insert(caller.to_owned(), Caller::default());
        }
        let known = callers.get_mut(caller)?;
        if let Some((_, answer)) = known.answers.get(question).filter(|(until, _)| *until > now) {
            self.hits.add(1, &[KeyValue::new(label::FEATURE_CODE, feature.to_owned())]);
            return Some(Recalled::Known(answer.clone()));
        }
        known.asking += 1;
        Some(Recalled::Asking(Asking { memory: self, caller, writes: known.writes }))
    }
}

impl Asking<'_> {
    /// Keeps a success, unless something was written meanwhile. What upstream did not answer well names no feature: a
    /// browser may have made it up, and labels stay few.
    pub(crate) fn answered(self, question: Vec<u8>, feature: &str, answer: &Answer) {
        if answer.status != 200 {
            return;
        }
        self.memory.misses.add(1, &[KeyValue::new(label::FEATURE_CODE, feature.to_owned())]);
        let now = Instant::now();
        let mut callers = self.memory.callers();
        let Some(known) = callers.get_mut(self.caller).filter(|known| known.writes == self.writes) else { return };
        known.answers.retain(|_, (until, _)| *until > now);
        if known.answers.len() < MOST_QUESTIONS {
            known.answers.insert(question, (now + self.memory.lasts, answer.clone()));
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if let Some(known) = self.memory.callers().get_mut(self.caller) {
            known.asking = known.asking.saturating_sub(1);
        }
    }
}

impl<'a> Writing<'a> {
    pub(crate) const fn begin(memory: Option<&'a Memory>, caller: &'a str) -> Self {
        Self { memory, caller }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let Some(memory) = self.memory else { return };
        if let Some(known) = memory.callers().get_mut(self.caller) {
            known.writes += 1;
            known.answers.clear();
        }
    }
}

fn counter(meter: &Meter, metric: Metric) -> Counter<u64> {
    meter.u64_counter(metric.name).with_unit(metric.unit).with_description(metric.about).build()
}
