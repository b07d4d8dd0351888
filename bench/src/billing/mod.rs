//! Durable `track` and `consume` over HTTP, and `check` beside them: our billing API, the same HTTP server without a store,
//! and the common design (one transaction for each request, on the same schema).
//!
//! Every subject is a process of its own; the load comes from this one.

mod each;
mod each_postgres;
mod each_sqlite;
mod load;
mod schema;
pub(crate) mod subject;

use std::time::Duration;

use anyhow::Context;
use load::{Answers, Load};
use sqlx::{Connection, Executor, PgConnection};

use crate::{
    figure::{Figure, median, paired, rounded},
    process::Process,
};

const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);
const WARM_UP: Duration = Duration::from_secs(1);

pub(crate) const ENGINES: [&str; 2] = ["sqlite", "postgres"];

pub(crate) async fn run(engines: &[&str]) -> anyhow::Result<()> {
    if let Some(unknown) = engines.iter().find(|engine| !ENGINES.contains(engine)) {
        anyhow::bail!("no such database: {unknown}; there are {}", ENGINES.join(", "));
    }
    if engines.contains(&"sqlite") {
        let folder = tempfile::tempdir()?;
        let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        on("sqlite", &file("ours.db"), &file("each.db")).await?;
    }
    if !engines.contains(&"postgres") {
        return Ok(());
    }
    let Ok(server) = std::env::var("FAREBOX_BENCH_POSTGRES") else {
        eprintln!("postgres skipped: FAREBOX_BENCH_POSTGRES is not set (`./x bench` starts a server and sets it)");
        return Ok(());
    };
    let (ours, each) = (database(&server, "bench_billing").await?, database(&server, "bench_billing_each").await?);
    on("postgres", &ours, &each).await
}

/// An empty database of its own.
async fn database(server: &str, name: &str) -> anyhow::Result<String> {
    let mut sql = PgConnection::connect(server).await?;
    for statement in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
        sql.execute(sqlx::AssertSqlSafe(statement)).await?;
    }
    let (address, _) = server.rsplit_once('/').context("a database URL ends with the database's name")?;
    Ok(format!("{address}/{name}"))
}

async fn on(engine: &str, ours: &str, each: &str) -> anyhow::Result<()> {
    let nothing = Process::start(&["billing-nothing"])?;
    let ours = Process::start(&["billing", ours])?;
    let each = Process::start(&["billing-each", each])?;
    for hot in [false, true] {
        for verb in ["track", "consume"] {
            writes(engine, [&ours, &nothing, &each], (verb, hot)).await?;
        }
    }
    checks(engine, &ours, &nothing).await
}

async fn writes(engine: &str, [ours, nothing, each]: [&Process; 3], (verb, hot): (&str, bool)) -> anyhow::Result<()> {
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    let mut tails = [Vec::new(), Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        for (at, subject) in [ours, nothing, each].into_iter().enumerate() {
            let duration = if round == 0 { WARM_UP } else { ROUND };
            let answers = Load { verb, hot, connections: CONNECTIONS, duration, pace: None }.run(subject).await?;
            if round > 0 {
                rates[at].push(answers.rate());
                tails[at].push(answers.at(99));
            }
        }
    }
    let subject = format!("{engine}, durable {verb}, {}", if hot { "one customer" } else { "spread" });
    let designs = ["the same server without a store", "one transaction a request"];
    for (baseline, at) in designs.into_iter().zip([1, 2]) {
        print(&subject, "requests/s", baseline, (&rates[0], &rates[at]), CONNECTIONS);
        print(&subject, "p99 ms", baseline, (&tails[0], &tails[at]), CONNECTIONS);
    }
    Ok(())
}

/// At full speed, then at half of it, at an even pace.
async fn checks(engine: &str, ours: &Process, nothing: &Process) -> anyhow::Result<()> {
    let full = |duration| Load { verb: "check", hot: false, connections: CONNECTIONS, duration, pace: None };
    full(WARM_UP).run(ours).await?;
    let (mut most, mut ceiling, mut half) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new()]);
    for _ in 0..ROUNDS {
        let rate = full(ROUND).run(ours).await?.rate();
        most.push(rate);
        ceiling.push(full(ROUND).run(nothing).await?.rate());
        let pace = Duration::from_secs_f64(f64::from(u32::try_from(CONNECTIONS)?) * 2.0 / rate.max(1.0));
        for (at, subject) in [ours, nothing].into_iter().enumerate() {
            let load = Load { pace: Some(pace), ..full(ROUND) };
            half[at].push(load.run(subject).await.map(|answers: Answers| answers.at(99))?);
        }
    }
    let baseline = "the same server without a store";
    print(&format!("{engine}, check"), "requests/s", baseline, (&most, &ceiling), CONNECTIONS);
    print(&format!("{engine}, check at half load"), "p99 ms", baseline, (&half[0], &half[1]), CONNECTIONS);
    Ok(())
}

fn print(subject: &str, unit: &str, baseline: &str, (values, baselines): (&[f64], &[f64]), callers: usize) {
    Figure {
        bench: "billing",
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
