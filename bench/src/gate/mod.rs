//! A protected route beside what it cannot be faster than.
//!
//! Every subject is a process of its own, so that its CPU time can be read; the load comes from this one.

mod load;
mod payment;
mod peers;
pub(crate) mod subject;

use std::time::Duration;

pub(crate) use self::peers::FAST_PEERS;
use self::{
    load::Load,
    payment::Payment,
    peers::{PEERS, Peer},
};
use crate::{
    figure::{Figure, median, paired, rounded},
    process::Process,
};

const CONNECTIONS: [usize; 2] = [8, 32];
const ROUNDS: usize = 5;
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
    let stub = Process::start(&["stub"])?;
    let two_calls = Process::start(&["two-calls", stub.url()])?;
    let remote = Process::start(&["gate-remote", stub.url()])?;
    compare("gate, remote backend", &remote, "bare handler, two upstream calls", &two_calls).await?;
    drop((remote, two_calls, stub));

    on_chain(&PEERS).await?;

    let unprotected = Process::start(&["unprotected"])?;
    let local = Process::start(&["gate-local"])?;
    compare("gate, in-process credits on SQLite", &local, "the same route, unprotected", &unprotected).await
}

/// One authorization a request, a remote facilitator: ours beside its ceiling and beside the other middlewares.
pub(crate) async fn on_chain(peers: &[Peer]) -> anyhow::Result<()> {
    let stub = Process::start(&["chain-stub"])?;
    let two_calls = Process::start(&["two-calls", stub.url()])?;
    let ours = Process::start(&["gate-chain", stub.url()])?;
    let name = "gate, remote facilitator";
    let paid = (&ours, Payment::fresh(&ours).await?);
    compare_paid(name, &paid, "bare handler, two upstream calls", &(&two_calls, Payment::of(&two_calls)?)).await?;
    for &peer in peers {
        if !peer.is_there() {
            eprintln!("{} is not here; ./x bench gate sets it up", peer.name());
            continue;
        }
        let theirs = peer.start(stub.url())?;
        let payment = match peer {
            Peer::PaymentsPy => Payment::of(&theirs)?,
            Peer::X402Axum | Peer::X402FastApi => Payment::fresh(&theirs).await?,
        };
        compare_paid(name, &paid, peer.name(), &(&theirs, payment)).await?;
    }
    Ok(())
}

async fn compare(subject: &str, ours: &Process, baseline: &str, theirs: &Process) -> anyhow::Result<()> {
    compare_paid(subject, &(ours, Payment::of(ours)?), baseline, &(theirs, Payment::of(theirs)?)).await
}

/// A subject and what is presented to it.
type Paid<'a> = (&'a Process, Payment);

async fn compare_paid(subject: &str, ours: &Paid<'_>, baseline: &str, theirs: &Paid<'_>) -> anyhow::Result<()> {
    for connections in CONNECTIONS {
        let (mut our_samples, mut their_samples) = (Vec::new(), Vec::new());
        sample(ours, connections, Duration::from_millis(500)).await?;
        sample(theirs, connections, Duration::from_millis(500)).await?;
        for _ in 0..ROUNDS {
            our_samples.push(sample(ours, connections, ROUND).await?);
            their_samples.push(sample(theirs, connections, ROUND).await?);
        }
        for (unit, read) in READINGS {
            let values: Vec<f64> = our_samples.iter().map(read).collect();
            let baselines: Vec<f64> = their_samples.iter().map(read).collect();
            Figure {
                bench: "gate",
                subject,
                callers: connections,
                value: rounded(median(values.clone())),
                unit,
                baseline,
                baseline_value: rounded(median(baselines.clone())),
                ratio: rounded(paired(&values, &baselines)),
            }
            .print();
        }
    }
    Ok(())
}

async fn sample((subject, payment): &Paid<'_>, connections: usize, duration: Duration) -> anyhow::Result<Sample> {
    let before = subject.cpu()?;
    let load = Load { address: subject.address(), payment: payment.clone(), connections, duration };
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
