//! A relay route beside a bare handler that makes the same call with the same client.
//!
//! Every subject is a process of its own, so that its CPU time can be read; the load comes from this one. The difference of
//! the CPU figures of relay and bare handler is what the token, the identity, the reading of the body and the spans cost; the
//! same relay in a program that has a telemetry SDK shows what spans and metrics cost only there.

mod load;
mod silent;
pub(crate) mod subject;

use std::time::Duration;

use load::Load;

use crate::{
    figure::{Figure, median, paired, rounded},
    process::Process,
};

const CONNECTIONS: [usize; 2] = [8, 32];
/// What the issue allows token, identity and telemetry to cost.
const ALLOWED_CPU_US: f64 = 20.0;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Rounds {
    count: usize,
    duration: Duration,
}

/// For figures.
pub(crate) const FULL: Rounds = Rounds { count: 7, duration: Duration::from_secs(2) };
/// To see that it works.
pub(crate) const DRY: Rounds = Rounds { count: 1, duration: Duration::from_millis(300) };

/// A figure of a sample, by the unit it is in.
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

pub(crate) async fn run(rounds: Rounds) -> anyhow::Result<()> {
    let upstream = Process::start(&["relay-upstream"])?;
    let bare = Process::start(&["relay-bare", upstream.url()])?;
    let relay = Process::start(&["relay", upstream.url()])?;
    let recording = Process::start(&["relay-recording", upstream.url()])?;
    for connections in CONNECTIONS {
        let subjects = [&relay, &bare, &recording];
        let mut samples: [Vec<Sample>; 3] = Default::default();
        for subject in subjects {
            sample(subject, connections, rounds.duration / 4).await?;
        }
        for _ in 0..rounds.count {
            for (subject, samples) in subjects.into_iter().zip(&mut samples) {
                samples.push(sample(subject, connections, rounds.duration).await?);
            }
        }
        let [ours, theirs, recorded] = samples;
        for (unit, read) in READINGS {
            let baseline = "bare handler, the same upstream call";
            compared("POST /check through the relay", connections, unit, read, &ours, (baseline, &theirs));
        }
        above(connections, &ours, &theirs);
        let (unit, read) = READINGS[3];
        let subject = "POST /check through the relay, with a telemetry SDK";
        compared(subject, connections, unit, read, &recorded, ("without an SDK", &ours));
    }
    silent::run();
    Ok(())
}

fn compared(
    subject: &str,
    callers: usize,
    unit: &str,
    read: fn(&Sample) -> f64,
    ours: &[Sample],
    (baseline, theirs): (&str, &[Sample]),
) {
    let values: Vec<f64> = ours.iter().map(read).collect();
    let baselines: Vec<f64> = theirs.iter().map(read).collect();
    Figure {
        bench: "relay",
        subject,
        callers,
        value: rounded(median(values.clone())),
        unit,
        baseline,
        baseline_value: rounded(median(baselines.clone())),
        ratio: rounded(paired(&values, &baselines)),
    }
    .print();
}

/// What the relay adds to the bare handler, in pairs of rounds.
fn above(callers: usize, ours: &[Sample], theirs: &[Sample]) {
    let pairs = ours.iter().zip(theirs);
    let added = median(pairs.map(|(ours, theirs)| ours.cpu_us_per_request - theirs.cpu_us_per_request).collect());
    Figure {
        bench: "relay",
        subject: "token, identity, body and telemetry: CPU above the bare handler",
        callers,
        value: rounded(added),
        unit: "us/request",
        baseline: "allowed",
        baseline_value: ALLOWED_CPU_US,
        ratio: rounded(added / ALLOWED_CPU_US),
    }
    .print();
}

async fn sample(subject: &Process, connections: usize, duration: Duration) -> anyhow::Result<Sample> {
    let before = subject.cpu()?;
    let load = Load { address: subject.address(), token: subject.header(), connections, duration };
    let answers = load.run().await?;
    let cpu = subject.cpu()?.saturating_sub(before);
    let count = answers.latencies_us.len();
    anyhow::ensure!(count > 0, "{} answered nothing", subject.url());
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
