//! `farebox sim-provider`: the simulated card provider as a process, so that ours can be killed without it.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use farebox_providers::sim::remote::{self, Remote};
use farebox_types::{Secret, SystemClock};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

use super::{serving::told, signals::told_to_stop};
use crate::{args::SimProviderArgs, failure::failure, output::Output};

pub(crate) async fn run(args: SimProviderArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let clock = Arc::new(SystemClock);
    let remote = Arc::new(match &args.journal {
        Some(file) => Remote::open(file, clock).with_context(|| format!("{} cannot be used", file.display()))?,
        None => Remote::in_memory(clock),
    });
    let listener = TcpListener::bind(args.address).await.map_err(|error| {
        failure(format!("cannot listen on {}: {error}", args.address), "choose another address with --address")
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    remote.serve_pages_at(&format!("{url}/sim/pay"));
    let endpoint = args.webhook_url.zip(args.webhook_secret);
    if let Some((url, secret)) = endpoint {
        remote.send_events_to(&url, Secret::new(secret)).context("--webhook-url")?;
    }
    output.answer(format!("the simulated provider listens on {url}"), &json!({"listening": url}));

    let (stop, stopping) = watch::channel(false);
    let delivering = tokio::spawn(Arc::clone(&remote).deliver(told(stopping)));
    remote::serve(listener, remote, Secret::new(args.key), told_to_stop()).await?;
    stop.send_replace(true);
    delivering.await?;
    Ok(ExitCode::SUCCESS)
}
