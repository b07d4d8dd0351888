//! A relay route beside a bare handler that makes the same call with the same client.
//!
//! Every subject is a process of its own, so that its CPU time can be read; the load comes from this one. The difference of
//! the two CPU figures is what the token, the identity, the reading of the body and the spans cost.

mod load;
pub(crate) mod subject;

use std::time::Duration;

use load::Load;

use crate::{
    figure::{Figure, median, paired, rounded},
    process::Process,
};

const CONNECTIONS: [usize; 2] = [8, 32];
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(2);

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

pub(crate) async fn run() -> anyhow::Result<()> {
    let upstream = Process::start(&["relay-upstream"])?;
    let bare = Process::start(&["relay-bare", upstream.url()])?;
    let relay = Process::start(&["relay", upstream.url()])?;
    for connections in CONNECTIONS {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        sample(&relay, connections, Duration::from_millis(500)).await?;
        sample(&bare, connections, Duration::from_millis(500)).await?;
        for _ in 0..ROUNDS {
            ours.push(sample(&relay, connections, ROUND).await?);
            theirs.push(sample(&bare, connections, ROUND).await?);
        }
        for (unit, read) in READINGS {
            let values: Vec<f64> = ours.iter().map(read).collect();
            let baselines: Vec<f64> = theirs.iter().map(read).collect();
            Figure {
                bench: "relay",
                subject: "POST /check through the relay",
                callers: connections,
                value: rounded(median(values.clone())),
                unit,
                baseline: "bare handler, the same upstream call",
                baseline_value: rounded(median(baselines.clone())),
                ratio: rounded(paired(&values, &baselines)),
            }
            .print();
        }
    }
    Ok(())
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
