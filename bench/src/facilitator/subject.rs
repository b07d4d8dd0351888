//! The facilitators: ours and the official ones, each in a process of its own.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;
use bytes::Bytes;
use farebox_evm::{Wallet, primitives::Address};
use farebox_types::Secret;
use sqlx::{Connection, PgConnection};

use super::load::{Outcome, Verb, send};
use crate::process::Process;

/// One of the accounts that every chain of tests gives money for gas.
const SIGNER: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Sqlite,
    Postgres,
    Python,
    TypeScript,
}

pub(super) const PEERS: [Kind; 2] = [Kind::Python, Kind::TypeScript];

/// On each database that there is.
pub(super) fn ours() -> Vec<Kind> {
    let postgres = server().is_ok().then_some(Kind::Postgres);
    [Kind::Sqlite].into_iter().chain(postgres).collect()
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "farebox on SQLite",
            Self::Postgres => "farebox on PostgreSQL",
            Self::Python => "Python x402 2.25",
            Self::TypeScript => "TypeScript x402 2.27",
        }
    }

    pub(super) const fn is_ours(self) -> bool {
        matches!(self, Self::Sqlite | Self::Postgres)
    }

    async fn command(self, chain: &str, home: &Path) -> anyhow::Result<Command> {
        Ok(match self {
            Self::Sqlite => farebox(chain, &format!("sqlite:{}", home.join("facilitator.db").display()))?,
            Self::Postgres => farebox(chain, &fresh_database().await?)?,
            Self::Python => {
                let python = std::env::var("FAREBOX_X402_PYTHON");
                let mut command = Command::new(python.context("FAREBOX_X402_PYTHON is not set; ./x bench sets it")?);
                command.arg(peer("facilitator.py")).env("RPC_URL", chain).env("SIGNER_KEY", SIGNER);
                command
            }
            Self::TypeScript => {
                let modules = std::env::var("FAREBOX_NODE_MODULES");
                let modules = PathBuf::from(modules.context("FAREBOX_NODE_MODULES is not set; ./x bench sets it")?);
                let mut command = Command::new("node");
                command
                    .arg(peer("facilitator.mjs"))
                    .env("MODULES", modules.parent().context("an odd FAREBOX_NODE_MODULES")?);
                command.env("RPC_URL", chain).env("SIGNER_KEY", SIGNER);
                command
            }
        })
    }
}

pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) process: Process,
    pub(super) signer: Address,
}

impl Subject {
    pub(super) async fn start(kind: Kind, chain: &str, home: &Path) -> anyhow::Result<Self> {
        let wallet = Wallet::new(&Secret::new(SIGNER.to_owned()))?;
        let process = Process::spawn(&mut kind.command(chain, home).await?);
        let process = process.with_context(|| format!("{} did not start", kind.name()))?;
        Ok(Self { kind, process, signer: Address::from(*wallet.address().bytes()) })
    }

    pub(super) async fn send(&self, verb: Verb, bodies: Vec<Bytes>, connections: usize) -> anyhow::Result<Outcome> {
        let outcome = send(self.process.address(), verb, bodies, connections).await?;
        if outcome.refusals() > 0 {
            eprintln!("{}: {} said no: {:?}", self.kind.name(), verb.path(), outcome.refused);
        }
        Ok(outcome)
    }
}

/// The binary that stands beside this one.
fn farebox(chain: &str, database: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?.with_file_name("farebox"));
    command
        .args(["facilitator", "--json", "--listen", "127.0.0.1:0", "--database-url", database])
        .args(["--chain", &format!("eip155:84532={chain}")])
        .env("FAREBOX_SECRET_KEY", "33".repeat(32))
        .env("FAREBOX_SIGNER_KEY", SIGNER);
    Ok(command)
}

/// `./x bench` runs in the repository.
fn peer(file: &str) -> PathBuf {
    Path::new("bench/peers/facilitator").join(file)
}

fn server() -> anyhow::Result<String> {
    std::env::var("FAREBOX_BENCH_POSTGRES").context("FAREBOX_BENCH_POSTGRES is not set")
}

/// An empty one, on the server that `./x bench` has started.
async fn fresh_database() -> anyhow::Result<String> {
    let server = server()?;
    let mut connection = PgConnection::connect(&server).await?;
    sqlx::query("DROP DATABASE IF EXISTS facilitator_bench WITH (FORCE)").execute(&mut connection).await?;
    sqlx::query("CREATE DATABASE facilitator_bench").execute(&mut connection).await?;
    let (server, _) = server.rsplit_once('/').context("an odd FAREBOX_BENCH_POSTGRES")?;
    Ok(format!("{server}/facilitator_bench"))
}
