//! `POST /payments` beside the service of the tutorial that its shape comes from: the same request over HTTP, durable on the same
//! PostgreSQL, one process each, turn by turn. Theirs makes its provider up and writes one row; ours writes the intent, calls
//! the simulated provider, and writes outcome, ledger, trail, audit and outbox.

mod load;
mod subject;

use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use self::{load::Load, subject::Subject};
use crate::figure::{Figure, median, paired, rounded};

const CONNECTIONS: [usize; 3] = [1, 8, 32];
const ROUNDS: usize = 5;
const WARM_UP: Duration = Duration::from_millis(500);
const ROUND: Duration = Duration::from_secs(2);

type Reading = (&'static str, fn(&Sample) -> f64);

const READINGS: [Reading; 4] = [
    ("requests/s", |sample| sample.requests_per_second),
    ("p50 ms", |sample| sample.p50_ms),
    ("p99 ms", |sample| sample.p99_ms),
    ("server CPU us/request", |sample| sample.cpu_us_per_request),
];

/// What one round of one subject measured.
#[derive(Clone, Copy)]
struct Sample {
    requests_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    cpu_us_per_request: f64,
}

pub(crate) async fn run() -> anyhow::Result<()> {
    let home = TempDir::new()?;
    let mut ours = Subject::farebox(home.path()).await?;
    let mut theirs = Subject::tutorial().await?;
    for connections in CONNECTIONS {
        sample(&mut ours, connections, WARM_UP).await?;
        sample(&mut theirs, connections, WARM_UP).await?;
        let (mut our_samples, mut their_samples) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            our_samples.push(sample(&mut ours, connections, ROUND).await?);
            their_samples.push(sample(&mut theirs, connections, ROUND).await?);
        }
        print(connections, (&ours, &our_samples), (&theirs, &their_samples));
    }
    for subject in [&ours, &theirs] {
        let rows = subject.rows().await?;
        ensure!(rows == subject.paid, "{} answered {} payments and has {rows}", subject.name, subject.paid);
    }
    Ok(())
}

fn print(callers: usize, (ours, our_samples): (&Subject, &[Sample]), (theirs, their_samples): (&Subject, &[Sample])) {
    for (unit, read) in READINGS {
        let values: Vec<f64> = our_samples.iter().map(read).collect();
        let baselines: Vec<f64> = their_samples.iter().map(read).collect();
        Figure {
            bench: "payments",
            subject: ours.name,
            callers,
            value: rounded(median(values.clone())),
            unit,
            baseline: theirs.name,
            baseline_value: rounded(median(baselines.clone())),
            ratio: rounded(paired(&values, &baselines)),
        }
        .print();
    }
}

async fn sample(subject: &mut Subject, connections: usize, duration: Duration) -> anyhow::Result<Sample> {
    let before = subject.process.cpu()?;
    let load = Load { address: subject.process.address(), bearer: subject.bearer.clone(), connections, duration };
    let answers = load.run().await.with_context(|| format!("{} does not pay", subject.name))?;
    let cpu = subject.process.cpu()?.saturating_sub(before);
    let count = answers.latencies_us.len();
    ensure!(count > 0, "{} answered nothing", subject.name);
    subject.paid += i64::try_from(count)?;
    let at = |share: usize| f64::from(answers.latencies_us[(count * share / 100).min(count - 1)]) / 1000.0;
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    let requests = count as f64;
    Ok(Sample {
        requests_per_second: requests / answers.elapsed.as_secs_f64(),
        p50_ms: at(50),
        p99_ms: at(99),
        cpu_us_per_request: cpu.as_secs_f64() * 1e6 / requests,
    })
}
