//! A round of every subject, and what several rounds come to.

use std::time::Duration;

use super::{
    load::{Outcome, Verb},
    subject::Subject,
};
use crate::figure::{Figure, median, paired, rounded};

/// About how long one subject is asked in one round.
pub(super) const LENGTH: Duration = Duration::from_millis(1500);
/// How long the bare recovery runs in one round.
pub(super) const BARE: Duration = Duration::from_millis(400);

/// A figure of a sample, by the unit it is in.
type Reading = (&'static str, fn(&Sample) -> f64);

pub(super) struct Round {
    /// CPU time of one digest and recovery.
    pub(super) bare: Duration,
    pub(super) of_subjects: Vec<Sample>,
}

#[derive(Clone, Copy)]
pub(super) struct Sample {
    pub(super) elapsed: Duration,
    per_second: f64,
    cpu_us: f64,
    refused: f64,
}

impl Sample {
    #[expect(clippy::cast_precision_loss, reason = "figures")]
    pub(super) fn of(outcome: &Outcome, cpu: Duration) -> Self {
        let (good, refused) = (outcome.good as f64, outcome.refusals() as f64);
        Self {
            elapsed: outcome.elapsed,
            per_second: outcome.per_second(),
            cpu_us: cpu.as_secs_f64() * 1e6 / (good + refused),
            refused: refused / (good + refused),
        }
    }
}

/// Ours beside each official one; those beside each other where ours is missing.
pub(super) fn pairs(subjects: &[Subject]) -> Vec<(usize, usize)> {
    let without_ours = !subjects.iter().any(|subject| subject.ours);
    let shown = (0..subjects.len()).filter(|at| subjects[*at].ours || without_ours);
    let peers: Vec<usize> = (0..subjects.len()).filter(|at| !subjects[*at].ours).collect();
    let of = |at: usize| peers.iter().filter(move |peer| **peer != at).map(move |peer| (at, *peer));
    shown.flat_map(of).collect()
}

pub(super) fn compare(subjects: &[Subject], verb: Verb, callers: usize, rounds: &[Round]) {
    let (rate, cpu, refused) = match verb {
        Verb::Verify => ("verifies/s", "server CPU us/verify", "share of verifies refused"),
        Verb::Settle => ("settles/s", "server CPU us/settle", "share of settles refused"),
    };
    let readings: [Reading; 3] =
        [(rate, |sample| sample.per_second), (cpu, |sample| sample.cpu_us), (refused, |sample| sample.refused)];
    for (unit, read) in readings {
        let of = |at: usize| -> Vec<f64> { rounds.iter().map(|round| read(&round.of_subjects[at])).collect() };
        for (subject, baseline) in pairs(subjects) {
            let (values, baselines) = (of(subject), of(baseline));
            // That nobody refused anything needs no line.
            if values.iter().chain(&baselines).any(|value| *value > 0.0) {
                print(subjects[subject].name, callers, unit, &values, subjects[baseline].name, &baselines);
            }
        }
        if unit == "server CPU us/verify" {
            let bare: Vec<f64> = rounds.iter().map(|round| round.bare.as_secs_f64() * 1e6).collect();
            for (at, subject) in subjects.iter().enumerate() {
                print(subject.name, callers, unit, &of(at), "bare digest and recovery", &bare);
            }
        }
    }
}

fn print(subject: &str, callers: usize, unit: &str, values: &[f64], baseline: &str, baselines: &[f64]) {
    Figure {
        bench: "facilitator",
        subject,
        callers,
        value: rounded(median(values.to_vec())),
        unit,
        baseline,
        baseline_value: rounded(median(baselines.to_vec())),
        ratio: rounded(paired(values, baselines)),
    }
    .print();
}
