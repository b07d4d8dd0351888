//! `farebox demo`: a paid request from end to end, over real HTTP, on this machine.
//!
//! The server is a process of its own, because the walk kills it; the paid API is a small axum app behind the gate.

mod api;
mod backend;
mod walk;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;

use super::signals::told_to_stop;
use crate::{args::DemoArgs, output::Output};

pub(crate) async fn run(args: &DemoArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let folder = Folder::new(args.data_dir.clone())?;
    let mut walk = walk::Walk::start(&folder.path, args.listen, output).await?;
    walk.first_paid_request().await?;
    walk.more_requests_than_credits().await?;
    walk.killed_in_the_middle().await?;
    walk.say_how_to_try(args.once);
    if !args.once {
        told_to_stop().await;
    }
    walk.end();
    Ok(ExitCode::SUCCESS)
}

/// The given folder, or a temporary one that goes with the demo.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn new(given: Option<PathBuf>) -> anyhow::Result<Self> {
        let temporary = given.is_none();
        let path = given.unwrap_or_else(|| std::env::temp_dir().join(format!("farebox-demo-{}", std::process::id())));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create the folder {}", path.display()))?;
        Ok(Self { path, temporary })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // What is left behind in the system's temporary folder does no harm.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
