//! A chain for one turn: anvil, with the token and the contracts around it in their places.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, ensure};

pub(super) struct Node {
    child: Child,
    url: String,
}

impl Node {
    pub(super) fn start() -> anyhow::Result<Self> {
        let modules =
            std::env::var("FAREBOX_NODE_MODULES").context("FAREBOX_NODE_MODULES is not set; ./x bench sets it")?;
        // Free a moment ago: whoever takes it in between makes the run fail, not the figures wrong.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let child = Command::new(format!("{modules}/@foundry-rs/anvil-linux-amd64/bin/anvil"))
            .args(["--silent", "--host", "127.0.0.1", "--chain-id", "84532", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("anvil did not start")?;
        let node = Self { child, url: format!("http://127.0.0.1:{port}") };
        let placed =
            Command::new("node").args(["conformance/chain/place.mjs", &node.url]).stdin(Stdio::null()).status()?;
        ensure!(placed.success(), "the token is not in its place on {}", node.url);
        Ok(node)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
