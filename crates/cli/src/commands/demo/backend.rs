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
        let mut command = Command::new(std::env::current_exe()?);
        let database = format!("sqlite:{}", self.folder.join("demo.db").display());
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

    /// One member of what a command printed.
    pub(super) async fn ask(&self, args: &[&str], member: &str) -> anyhow::Result<String> {
        let (_, answer) = self.run(args).await?;
        let text = answer[member].as_str();
        text.map(ToOwned::to_owned).with_context(|| format!("`farebox {}` printed no {member}", args.join(" ")))
    }

    /// Starts the server and waits until it listens. It ends with this process, however that ends.
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        let address = format!("127.0.0.1:{}", self.port);
        let mut child = self.command(&["serve", "--listen", &address, "--stop-with-stdin"])?;
        child.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = child.spawn()?;
        let stdout = child.stdout.take().context("the server has no output")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await?;
        if line.is_empty() {
            bail!("the server did not start");
        }
        self.child = Some(child);
        Ok(())
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

/// What a command said went wrong, and its help.
fn said(args: &[&str], stderr: &[u8]) -> anyhow::Error {
    let object: Value = serde_json::from_slice(stderr).unwrap_or_default();
    let what = object["error"].as_str().map_or_else(|| String::from_utf8_lossy(stderr).into_owned(), ToOwned::to_owned);
    let help = object["help"].as_str().unwrap_or("try another --data-dir");
    failure(format!("`farebox {}`: {}", args.join(" "), what.trim()), help)
}
