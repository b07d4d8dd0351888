//! The server process, and the commands around it.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::failure::failure;

/// A server on its own SQLite file, at one address for as long as the demo lives.
pub(super) struct Backend {
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Backend {
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        Ok(Self { folder: folder.to_owned(), port, child: None })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn command(&self, args: &[&str]) -> anyhow::Result<Command> {
        self.command_on("demo.db", args)
    }

    fn command_on(&self, file: &str, args: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        let database = format!("sqlite:{}", self.folder.join(file).display());
        command
            .args(args)
            .args(["--json", "--database-url", &database])
            .env("FAREBOX_LOG", "error")
            .stdin(Stdio::null());
        command.env_remove("FAREBOX_CONFIG").current_dir(&self.folder).kill_on_drop(true);
        Ok(command)
    }

    /// Runs a command to its end: its exit code and the object it printed.
    pub(super) async fn run(&self, args: &[&str]) -> anyhow::Result<(ExitStatus, Value)> {
        let output = self.command(args)?.output().await?;
        match serde_json::from_slice(&output.stdout) {
            Ok(answer) => Ok((output.status, answer)),
            Err(_) => Err(said(args, &output.stderr)),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// `farebox config apply` of a file in its folder: how much was written.
    pub(super) async fn apply(&self, file: &str, token: &str) -> anyhow::Result<u64> {
        let url = self.url();
        let args = ["config", "apply", file, "--yes", "--url", &url];
        let output = self.command(&args)?.env("FAREBOX_TOKEN", token).output().await?;
        let answer: Value = serde_json::from_slice(&output.stdout).map_err(|_| said(&args, &output.stderr))?;
        answer["applied"].as_u64().context("`farebox config apply` does not say what it did")
    }

    /// One member of what a command printed.
    pub(super) async fn ask(&self, args: &[&str], member: &str) -> anyhow::Result<String> {
        let (_, answer) = self.run(args).await?;
        let text = answer[member].as_str();
        text.map(ToOwned::to_owned).with_context(|| format!("`farebox {}` printed no {member}", args.join(" ")))
    }

    /// Starts the server and waits until it listens. It ends with this process, however that ends.
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        let address = format!("127.0.0.1:{}", self.port);
        let (child, _) = listening(self.command(&["serve", "--listen", &address, "--stop-with-stdin"])?).await?;
        self.child = Some(child);
        Ok(())
    }

    /// Starts a facilitator on the chain behind `rpc`, with a database of its own; itself and its URL. It ends with this
    /// process, however that ends.
    #[cfg(feature = "devchain")]
    pub(super) async fn facilitator(&self, rpc: &str, signer_key: &str) -> anyhow::Result<(Child, String)> {
        let chain = format!("eip155:84532={rpc}");
        let words = ["facilitator", "--listen", "127.0.0.1:0", "--stop-with-stdin", "--chain", &chain];
        let mut command = self.command_on("facilitator.db", &words)?;
        command.env("FAREBOX_SIGNER_KEY", signer_key);
        let (child, said) = listening(command).await?;
        let url = said["listening"].as_str().context("the facilitator does not say where it listens")?;
        Ok((child, url.to_owned()))
    }

    /// Ends the server in order.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        drop(child.stdin.take());
        if tokio::time::timeout(Duration::from_secs(10), child.wait()).await.is_err() {
            child.kill().await?;
        }
        Ok(())
    }

    /// `kill -9`.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        Ok(child.kill().await?)
    }
}

/// Starts a server and waits for the object in which it says where it listens.
async fn listening(mut command: Command) -> anyhow::Result<(Child, Value)> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().context("the server has no output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).await?;
    if line.is_empty() {
        bail!("the server did not start");
    }
    Ok((child, serde_json::from_str(&line)?))
}

/// What a command said went wrong, and its help.
fn said(args: &[&str], stderr: &[u8]) -> anyhow::Error {
    let object: Value = serde_json::from_slice(stderr).unwrap_or_default();
    let what = object["error"].as_str().map_or_else(|| String::from_utf8_lossy(stderr).into_owned(), ToOwned::to_owned);
    let help = object["help"].as_str().unwrap_or("try another --data-dir");
    failure(format!("`farebox {}`: {}", args.join(" "), what.trim()), help)
}
