//! `farebox demo`: a paid request from end to end, over real HTTP, on this machine.
//!
//! The server is a process of its own, because the walk kills it; the paid API is a small axum app behind the gate.

mod api;
mod backend;
#[cfg(feature = "devchain")]
mod onchain;
mod passes;
mod payments;
mod walk;

use std::{path::PathBuf, process::ExitCode};

use backend::Backend;

use super::signals::told_to_stop;
use crate::{args::DemoArgs, failure::failure, output::Output};

pub(crate) async fn run(args: &DemoArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let folder = Folder::new(args.data_dir.clone())?;
    let mut backend = Backend::new(&folder.path)?;
    // Told to stop at any moment, it ends its server and takes its folder along.
    let outcome = tokio::select! {
        outcome = walk(&mut backend, args, output) => outcome,
        () = told_to_stop() => Ok(()),
    };
    backend.stop().await?;
    outcome?;
    output.line("Bye.");
    Ok(ExitCode::SUCCESS)
}

async fn walk(backend: &mut Backend, args: &DemoArgs, output: &Output) -> anyhow::Result<()> {
    let mut walk = walk::Walk::start(backend, args.listen, output).await?;
    walk.first_paid_request().await?;
    walk.more_requests_than_credits().await?;
    walk.killed_in_the_middle().await?;
    passes::walk(walk.backend(), walk.api_token(), output).await?;
    #[cfg(feature = "devchain")]
    onchain::walk(walk.backend(), output).await?;
    walk.cards(if cfg!(feature = "devchain") { 6 } else { 5 }).await?;
    walk.say_how_to_try(args.once);
    if !args.once {
        std::future::pending::<()>().await;
    }
    Ok(())
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
        let path = std::path::absolute(path)?;
        std::fs::create_dir_all(&path).map_err(|error| {
            failure(format!("cannot create the folder {}: {error}", path.display()), "choose another --data-dir")
        })?;
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
