//! `farebox serve`.

use std::{future::IntoFuture, process::ExitCode, sync::Arc, time::Duration};

use farebox_server::{Backend, router, worker};
use farebox_types::SystemClock;
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

use super::signals::told_to_stop;
use crate::{config::Config, database, failure::failure, master_key, output::Output};

/// Requests that are still running this long after the signal are given up; their clients may repeat them.
const DRAIN: Duration = Duration::from_secs(20);

pub(crate) async fn run(config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let keyring = master_key::load(config)?;
    let store = database::open_current(config, &keyring).await?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        failure(format!("cannot listen on {}: {error}", config.listen), "choose another address with --listen")
    })?;
    let address = listener.local_addr()?;
    let (stop, stopping) = watch::channel(false);
    let backend = Backend::new(Arc::clone(&store), Arc::new(SystemClock), keyring);
    let working = tokio::spawn(worker::run(backend.clone(), told(stopping.clone())));
    let text = format!("farebox listens on http://{address}, its ledger in {}", config.database_url);
    output.answer(text, &json!({"listening": format!("http://{address}")}));

    let serving = axum::serve(listener, router(backend)).with_graceful_shutdown(told(stopping));
    let mut serving = tokio::spawn(serving.into_future());
    tokio::select! {
        ended = &mut serving => ended??,
        () = told_to_stop() => {
            tracing::info!("stopping: no new requests, finishing those that run");
            stop.send_replace(true);
            match tokio::time::timeout(DRAIN, serving).await {
                Ok(ended) => ended??,
                Err(_) => tracing::warn!("some requests did not finish in time"),
            }
        }
    }
    stop.send_replace(true);
    working.await?;
    store.close().await;
    Ok(ExitCode::SUCCESS)
}

/// Done when `stop` says so.
async fn told(mut stop: watch::Receiver<bool>) {
    // The sender outlives its receivers; if it did not, stopping would be right.
    let _ = stop.wait_for(|stop| *stop).await;
}
