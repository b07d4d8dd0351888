//! Our facilitator beside the official ones: the same payments, on chains alike, turn by turn.
//!
//! Only answers that say yes are counted, and the chain must agree with every settle. Every turn has a chain of its own: anvil takes
//! the longer for a block the more authorizations its token has seen, and nobody shall pay for what another has settled.

mod chain;
mod load;
mod node;
mod payments;
mod session;
mod subject;

use std::time::Duration;

use payments::Payers;
use session::{Reading, Session};
use subject::{Kind, PEERS};

use crate::figure::{Figure, median, paired, rounded};

const ROUNDS: usize = 3;
/// How long the bare recovery runs in one round.
const BARE: Duration = Duration::from_millis(500);
const PER_VERIFY: &str = "server CPU us/verify";

/// What one round has measured.
struct Round {
    /// CPU microseconds of one digest and recovery.
    bare: f64,
    of_kinds: Vec<Vec<Reading>>,
}

/// All of them, or, without `ours`, the official ones alone.
pub(crate) async fn run(ours: bool) -> anyhow::Result<()> {
    let kinds: Vec<Kind> = if ours { [subject::ours(), PEERS.to_vec()].concat() } else { PEERS.to_vec() };
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let bare = Payers::new(8)?.bare_recovery(BARE)?.as_secs_f64() * 1e6;
        let mut of_kinds = Vec::new();
        for kind in &kinds {
            of_kinds.push(Session::start(*kind).await?.measure().await?);
        }
        rounds.push(Round { bare, of_kinds });
    }
    print(&kinds, &rounds);
    Ok(())
}

fn print(kinds: &[Kind], rounds: &[Round]) {
    let bare: Vec<f64> = rounds.iter().map(|round| round.bare).collect();
    let count = rounds.first().and_then(|round| round.of_kinds.first()).map_or(0, Vec::len);
    for at in 0..count {
        let of = |kind: usize| -> Vec<Reading> { rounds.iter().map(|round| round.of_kinds[kind][at]).collect() };
        for (subject, baseline) in pairs(kinds) {
            line(kinds[subject].name(), &of(subject), kinds[baseline].name(), &values(&of(baseline)));
        }
        for (subject, kind) in kinds.iter().enumerate() {
            if of(subject).iter().all(|reading| reading.unit == PER_VERIFY) {
                line(kind.name(), &of(subject), "bare digest and recovery", &bare);
            }
        }
    }
}

/// Ours beside each official one; those beside each other where ours is missing.
fn pairs(kinds: &[Kind]) -> Vec<(usize, usize)> {
    let without_ours = !kinds.iter().any(|kind| kind.is_ours());
    let shown = (0..kinds.len()).filter(|at| kinds[*at].is_ours() || without_ours);
    let peers = |at: usize| (0..kinds.len()).filter(move |peer| *peer != at && !kinds[*peer].is_ours());
    shown.flat_map(|at| peers(at).map(move |peer| (at, peer))).collect()
}

fn line(subject: &str, readings: &[Reading], baseline: &str, baselines: &[f64]) {
    let (Some(first), ours) = (readings.first(), values(readings)) else { return };
    // That nobody refused anything needs no line.
    if ours.iter().chain(baselines).all(|value| *value == 0.0) {
        return;
    }
    Figure {
        bench: "facilitator",
        subject,
        callers: first.callers,
        value: rounded(median(ours.clone())),
        unit: first.unit,
        baseline,
        baseline_value: rounded(median(baselines.to_vec())),
        ratio: rounded(paired(&ours, baselines)),
    }
    .print();
}

fn values(readings: &[Reading]) -> Vec<f64> {
    readings.iter().map(|reading| reading.value).collect()
}
