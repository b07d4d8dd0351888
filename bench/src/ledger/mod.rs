//! Durable burns a second through the store, against raw batched SQL on the same engine in the same run.

mod callers;
mod ceiling_postgres;
mod ceiling_sqlite;
mod subject;

use std::{sync::Arc, time::Duration};

use callers::{Burner, Keys, Load};
use ceiling_postgres::Way;

use crate::figure::{Figure, median, paired, rounded};

/// Accounts that spread callers burn from.
pub(crate) const ACCOUNTS: u64 = 1_000;
pub(crate) const CALLERS: [usize; 5] = [1, 16, 64, 256, 1024];
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);

pub(crate) async fn run(callers: &[usize]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ours: Arc<dyn Burner> = Arc::new(subject::open_sqlite(&folder.path().join("farebox.db")).await?);
    let ceiling: Arc<dyn Burner> = Arc::new(ceiling_sqlite::Ceiling::open(&folder.path().join("ceiling.db"))?);
    compare("sqlite", &ours, &[("raw batched SQL", ceiling)], callers).await?;
    match std::env::var("FAREBOX_BENCH_POSTGRES") {
        Ok(url) => {
            let ours: Arc<dyn Burner> = Arc::new(subject::open_postgres(&url).await?);
            let steps: Arc<dyn Burner> = Arc::new(ceiling_postgres::Ceiling::open(&url, Way::LockDecideWrite).await?);
            let blind: Arc<dyn Burner> = Arc::new(ceiling_postgres::Ceiling::open(&url, Way::OneStatement).await?);
            let ceilings = [("raw batched SQL", steps), ("one raw statement that decides nothing", blind)];
            compare("postgres", &ours, &ceilings, callers).await
        }
        Err(_) => {
            eprintln!("postgres skipped: FAREBOX_BENCH_POSTGRES is not set (`./x bench` starts a server and sets it)");
            Ok(())
        }
    }
}

type Ceiling = (&'static str, Arc<dyn Burner>);

async fn compare(engine: &str, ours: &Arc<dyn Burner>, ceilings: &[Ceiling], callers: &[usize]) -> anyhow::Result<()> {
    for callers in callers {
        at(engine, ours, ceilings, *callers, Keys::Random).await?;
    }
    at(engine, ours, ceilings, 256, Keys::Ordered).await?;
    ours.check().await
}

async fn at(
    engine: &str,
    ours: &Arc<dyn Burner>,
    ceilings: &[Ceiling],
    callers: usize,
    keys: Keys,
) -> anyhow::Result<()> {
    let load = |hot| Load { callers, hot, keys, duration: ROUND };
    let mut values = [Vec::new(), Vec::new()];
    let mut baselines = vec![[Vec::new(), Vec::new()]; ceilings.len()];
    for _ in 0..ROUNDS {
        for (at, hot) in [false, true].into_iter().enumerate() {
            values[at].push(callers::burn(ours, load(hot)).await?);
            for ((_, ceiling), baseline) in ceilings.iter().zip(&mut baselines) {
                baseline[at].push(callers::burn(ceiling, load(hot)).await?);
            }
        }
    }
    let keys = match keys {
        Keys::Random => "callers' keys",
        Keys::Ordered => "our request ids",
    };
    let named = |what: &str| format!("{engine}, {what}, {keys}");
    for (at, what) in ["spread", "hot account"].into_iter().enumerate() {
        for ((name, _), baseline) in ceilings.iter().zip(&baselines) {
            print(&named(what), callers, &values[at], &format!("{name}, {what}"), &baseline[at]);
        }
    }
    print(&named("hot account"), callers, &values[1], "farebox, spread", &values[0]);
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
