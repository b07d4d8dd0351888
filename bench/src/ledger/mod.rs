//! Durable burns a second through the store, against raw batched SQL on the same engine in the same run.

mod callers;
mod ceiling_postgres;
mod ceiling_sqlite;
mod subject;

use std::{sync::Arc, time::Duration};

use callers::{Burner, Keys, Load};

use crate::figure::{Figure, median, paired, rounded};

/// Accounts that spread callers burn from.
pub(crate) const ACCOUNTS: u64 = 1_000;
const CALLERS: [usize; 5] = [1, 16, 64, 256, 1024];
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);

pub(crate) async fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours: Arc<dyn Burner> = Arc::new(subject::open_sqlite(&folder.path().join("farebox.db")).await?);
    let ceiling: Arc<dyn Burner> = Arc::new(ceiling_sqlite::Ceiling::open(&folder.path().join("ceiling.db"))?);
    compare("sqlite", &ours, &ceiling).await?;
    match std::env::var("FAREBOX_BENCH_POSTGRES") {
        Ok(url) => {
            let ours: Arc<dyn Burner> = Arc::new(subject::open_postgres(&url).await?);
            let ceiling: Arc<dyn Burner> = Arc::new(ceiling_postgres::Ceiling::open(&url).await?);
            compare("postgres", &ours, &ceiling).await
        }
        Err(_) => {
            eprintln!("postgres skipped: FAREBOX_BENCH_POSTGRES is not set (`./x bench` starts a server and sets it)");
            Ok(())
        }
    }
}

async fn compare(engine: &str, ours: &Arc<dyn Burner>, ceiling: &Arc<dyn Burner>) -> anyhow::Result<()> {
    for callers in CALLERS {
        at(engine, ours, ceiling, callers, Keys::Random).await?;
    }
    at(engine, ours, ceiling, 256, Keys::Ordered).await?;
    ours.check().await
}

async fn at(
    engine: &str,
    ours: &Arc<dyn Burner>,
    ceiling: &Arc<dyn Burner>,
    callers: usize,
    keys: Keys,
) -> anyhow::Result<()> {
    let [mut spread, mut hot, mut raw_spread, mut raw_hot] = [const { Vec::new() }; 4];
    let load = |hot| Load { callers, hot, keys, duration: ROUND };
    for _ in 0..ROUNDS {
        spread.push(callers::burn(ours, load(false)).await?);
        raw_spread.push(callers::burn(ceiling, load(false)).await?);
        hot.push(callers::burn(ours, load(true)).await?);
        raw_hot.push(callers::burn(ceiling, load(true)).await?);
    }
    let named = |what: &str| match keys {
        Keys::Random => format!("{engine}, {what}, callers' keys"),
        Keys::Ordered => format!("{engine}, {what}, our request ids"),
    };
    print(&named("spread"), callers, &spread, "raw batched SQL, spread", &raw_spread);
    print(&named("hot account"), callers, &hot, "raw batched SQL, hot account", &raw_hot);
    print(&named("hot account"), callers, &hot, "farebox, spread", &spread);
    Ok(())
}

fn print(subject: &str, callers: usize, values: &[f64], baseline: &str, baselines: &[f64]) {
    Figure {
        bench: "ledger",
        subject,
        callers,
        value: median(values.to_vec()).round(),
        unit: "durable burns/s",
        baseline,
        baseline_value: median(baselines.to_vec()).round(),
        ratio: rounded(paired(values, baselines)),
    }
    .print();
}
