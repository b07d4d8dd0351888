//! A subject in a process of its own.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::Context;

pub(crate) struct Process {
    child: Child,
    url: String,
    header: Option<String>,
}

impl Process {
    /// Starts `bench serve …` and reads where it listens and which payment header it takes.
    pub(crate) fn start(args: &[&str]) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").args(args);
        Self::spawn(&mut command)
    }

    /// Starts a program that says in its first line, or in the member `listening` of it, where it listens.
    pub(crate) fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let listening = serde_json::from_str::<serde_json::Value>(&line).ok().map(|answer| answer["listening"].clone());
        let line = listening.as_ref().and_then(serde_json::Value::as_str).unwrap_or(&line);
        let mut words = line.split_whitespace().map(ToOwned::to_owned);
        let url = words.next().with_context(|| format!("{command:?} did not start"))?;
        Ok(Self { child, url, header: words.next() })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn header(&self) -> Option<&str> {
        self.header.as_deref()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.url.trim_start_matches("http://").parse();
        address.unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// User and system time so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, after_name) = stat.rsplit_once(')').context("an odd /proc/pid/stat")?;
        let ticks = |at: usize| after_name.split_whitespace().nth(at).and_then(|text| text.parse::<u64>().ok());
        let total = ticks(11).zip(ticks(12)).map(|(user, system)| user + system).context("an odd /proc/pid/stat")?;
        // The kernel counts in hundredths of a second.
        Ok(Duration::from_millis(total * 10))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
