//! The two services, each in a process of its own, on a database of its own of one server.

use std::{path::Path, process::Command};

use anyhow::{Context, ensure};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::process::Process;

pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) process: Process,
    pub(super) bearer: String,
    database: String,
    /// Payments that it has answered.
    pub(super) paid: i64,
}

impl Subject {
    pub(super) async fn farebox(home: &Path) -> anyhow::Result<Self> {
        let database = fresh_database("payments_bench_farebox").await?;
        let command = |args: &[&str]| {
            let mut command = Command::new(std::env::current_exe()?.with_file_name("farebox"));
            command.args(args).current_dir(home).env("DATABASE_URL", &database);
            command.env("FAREBOX_SECRET_KEY", "33".repeat(32));
            anyhow::Ok(command)
        };
        json(command(&["init", "--merchant", "bench", "--mode", "test", "--json"])?)?;
        let key = json(command(&["key", "create", "--role", "seller", "--json"])?)?;
        let bearer = key["api_key"].as_str().context("no key")?.to_owned();
        let process = Process::spawn(&mut command(&["serve", "--listen", "127.0.0.1:0", "--json"])?)?;
        Ok(Self { name: "POST /payments", process, bearer, database, paid: 0 })
    }

    pub(super) async fn tutorial() -> anyhow::Result<Self> {
        let database = fresh_database("payments_bench_tutorial").await?;
        let python = std::env::var("FAREBOX_TUTORIAL_PYTHON");
        let python = python.context("FAREBOX_TUTORIAL_PYTHON is not set; ./x bench payments sets it")?;
        let (_, rest) = database.split_once("://").context("an odd FAREBOX_BENCH_POSTGRES")?;
        let mut command = Command::new(python);
        // `./x bench` runs in the repository.
        command.arg("bench/peers/payments/app.py").env("PYTHONPATH", "bench/peers/gate");
        command.env("DATABASE_URL", format!("postgresql+asyncpg://{rest}"));
        let process = Process::spawn(&mut command)?;
        let name = "FastAPI, SQLAlchemy, asyncpg";
        Ok(Self { name, process, bearer: "none".to_owned(), database, paid: 0 })
    }

    /// Payments in its database, in the table or view that the tutorial reads.
    pub(super) async fn rows(&self) -> anyhow::Result<i64> {
        let mut connection = PgConnection::connect(&self.database).await?;
        let count = sqlx::query_scalar("SELECT count(*) FROM payments WHERE status = 'succeeded'");
        Ok(count.fetch_one(&mut connection).await?)
    }
}

fn json(mut command: Command) -> anyhow::Result<Value> {
    let output = command.output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// An empty one, on the server that `./x bench` has started.
async fn fresh_database(name: &str) -> anyhow::Result<String> {
    let server = std::env::var("FAREBOX_BENCH_POSTGRES").context("FAREBOX_BENCH_POSTGRES is not set")?;
    let mut connection = PgConnection::connect(&server).await?;
    for statement in [format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"), format!("CREATE DATABASE {name}")] {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    let (server, _) = server.rsplit_once('/').context("an odd FAREBOX_BENCH_POSTGRES")?;
    Ok(format!("{server}/{name}"))
}
