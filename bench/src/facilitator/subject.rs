//! The facilitators: ours and the official ones, each a process with a signer of its own.

use std::{path::Path, process::Command};

use anyhow::Context;
use farebox_evm::{Wallet, primitives::Address};
use farebox_types::Secret;

use super::load::{Outcome, Verb, send};
use crate::process::Process;

/// Accounts that every chain of tests gives money for gas.
const SIGNERS: [&str; 4] = [
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
];

pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) ours: bool,
    pub(super) process: Process,
    pub(super) signer: Address,
}

impl Subject {
    /// The binary that stands beside this one, on a database of its own.
    pub(super) fn farebox(name: &'static str, database: &str, chain: &str, signer: usize) -> anyhow::Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("farebox");
        let mut command = Command::new(binary);
        command
            .args(["facilitator", "--json", "--listen", "127.0.0.1:0", "--database-url", database])
            .args(["--chain", &format!("eip155:84532={chain}")])
            .env("FAREBOX_SIGNER_KEY", SIGNERS[signer]);
        Self::spawn(name, true, &mut command, signer).context("is `farebox` built, in the same folder as this binary?")
    }

    pub(super) fn python(chain: &str, signer: usize) -> anyhow::Result<Self> {
        let python =
            std::env::var("FAREBOX_X402_PYTHON").context("FAREBOX_X402_PYTHON is not set; ./x bench sets it")?;
        let mut command = Command::new(python);
        command.arg(peers("facilitator.py")).env("RPC_URL", chain).env("SIGNER_KEY", SIGNERS[signer]);
        Self::spawn("Python x402 2.25", false, &mut command, signer)
    }

    pub(super) fn typescript(chain: &str, signer: usize) -> anyhow::Result<Self> {
        let modules =
            std::env::var("FAREBOX_NODE_MODULES").context("FAREBOX_NODE_MODULES is not set; ./x bench sets it")?;
        let modules = Path::new(&modules).parent().context("an odd FAREBOX_NODE_MODULES")?;
        let mut command = Command::new("node");
        command.arg(peers("facilitator.mjs")).env("MODULES", modules);
        command.env("RPC_URL", chain).env("SIGNER_KEY", SIGNERS[signer]);
        Self::spawn("TypeScript x402 2.27", false, &mut command, signer)
    }

    fn spawn(name: &'static str, ours: bool, command: &mut Command, signer: usize) -> anyhow::Result<Self> {
        let wallet = Wallet::new(&Secret::new(SIGNERS[signer].to_owned()))?;
        let signer = Address::from(*wallet.address().bytes());
        let process = Process::spawn(command).with_context(|| format!("{name} did not start"))?;
        Ok(Self { name, ours, process, signer })
    }

    pub(super) async fn send(
        &self,
        verb: Verb,
        bodies: Vec<bytes::Bytes>,
        connections: usize,
    ) -> anyhow::Result<Outcome> {
        let outcome = send(self.process.address(), verb, bodies, connections).await?;
        if outcome.refusals() > 0 {
            eprintln!("{}: {} answered no: {:?}", self.name, verb.path(), outcome.refused);
        }
        Ok(outcome)
    }
}

fn peers(file: &str) -> std::path::PathBuf {
    // `./x bench` runs in the repository.
    Path::new("bench/peers/facilitator").join(file)
}
