//! `farebox serve`.

use std::{future::IntoFuture, process::ExitCode, sync::Arc, time::Duration};

use farebox_server::{Backend, router, worker};
use farebox_types::SystemClock;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
};

use super::signals::told_to_stop;
use crate::{args::ServeArgs, config::Config, database, database::Missing, failure::failure, output::Output};

/// Requests that are still running this long after the signal are given up; their clients may repeat them.
const DRAIN: Duration = Duration::from_secs(20);

pub(crate) async fn run(config: &Config, args: &ServeArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        failure(format!("cannot listen on {}: {error}", config.listen), "choose another address with --listen")
    })?;
    let (store, keyring) = database::open_current(config, Missing::Create).await?;
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
        () = stopped(args.stop_with_stdin) => {
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

/// Done when a signal says so, or, `with_stdin`, when whoever started this process has gone.
async fn stopped(with_stdin: bool) {
    if !with_stdin {
        return told_to_stop().await;
    }
    let (ended, end) = oneshot::channel();
    // A thread of its own, which nothing waits for: a read of standard input cannot be called off.
    std::thread::spawn(move || {
        // However it ends, there is nobody left at the other end.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = ended.send(());
    });
    tokio::select! {
        () = told_to_stop() => {}
        _ = end => {}
    }
}

/// Done when `stop` says so.
async fn told(mut stop: watch::Receiver<bool>) {
    // The sender outlives its receivers; if it did not, stopping would be right.
    let _ = stop.wait_for(|stop| *stop).await;
}
