//! The other middlewares, each in a process of its own, in front of the same handler.

use std::{path::Path, process::Command};

use anyhow::Context;

use crate::process::Process;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    X402Axum,
    X402FastApi,
    PaymentsPy,
}

/// Those that are not Python.
pub(crate) const FAST_PEERS: [Peer; 1] = [Peer::X402Axum];
pub(super) const PEERS: [Peer; 3] = [Peer::X402Axum, Peer::X402FastApi, Peer::PaymentsPy];

impl Peer {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::X402Axum => "x402-axum 2.0.2",
            Self::X402FastApi => "Python x402 2.25, FastAPI",
            Self::PaymentsPy => "payments-py 1.18, FastAPI",
        }
    }

    /// What `./x bench` sets for it.
    const fn variable(self) -> &'static str {
        match self {
            Self::X402Axum => "FAREBOX_X402_AXUM",
            Self::X402FastApi => "FAREBOX_X402_PYTHON",
            Self::PaymentsPy => "FAREBOX_PAYMENTS_PYTHON",
        }
    }

    /// Whether `./x bench` has set it up.
    pub(super) fn is_there(self) -> bool {
        std::env::var_os(self.variable()).is_some()
    }

    /// Starts it, asking the facilitators at `stub`.
    pub(super) fn start(self, stub: &str) -> anyhow::Result<Process> {
        let program = std::env::var(self.variable()).with_context(|| format!("{} is not set", self.variable()))?;
        let mut command = Command::new(program);
        match self {
            Self::X402Axum => command.arg(stub),
            Self::X402FastApi => command.arg(script("x402_fastapi.py")).env("FACILITATOR", stub),
            Self::PaymentsPy => command.arg(script("payments_fastapi.py")).env("NVM_BACKEND_URL", stub),
        };
        Process::spawn(&mut command).with_context(|| format!("{} did not start", self.name()))
    }
}

/// `./x bench` runs in the repository.
fn script(file: &str) -> std::path::PathBuf {
    Path::new("bench/peers/gate").join(file)
}
