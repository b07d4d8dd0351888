//! Serving until the process is told to stop, for every command that serves.

use std::{future::IntoFuture, net::SocketAddr, time::Duration};

use axum::Router;
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
};

use super::signals::told_to_stop;
use crate::{config::Config, failure::failure};

/// Requests that are still running this long after the signal are given up; their clients may repeat them.
const DRAIN: Duration = Duration::from_secs(20);

/// Takes the address, before anything else is done.
pub(super) async fn listen(config: &Config) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(config.listen).await;
    listener.map_err(|error| {
        failure(format!("cannot listen on {}: {error}", config.listen), "choose another address with --listen")
    })
}

/// Serves until a signal says stop, or, `with_stdin`, until whoever started this process has gone; then answers what
/// runs, and tells everyone who listens to `stop`.
pub(super) async fn until_stopped(
    listener: TcpListener,
    routes: Router,
    stop: watch::Sender<bool>,
    with_stdin: bool,
) -> anyhow::Result<()> {
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(told(stop.subscribe()));
    let mut serving = tokio::spawn(serving.into_future());
    tokio::select! {
        ended = &mut serving => ended??,
        () = stopped(with_stdin) => {
            tracing::info!("stopping: no new requests, finishing those that run");
            stop.send_replace(true);
            match tokio::time::timeout(DRAIN, serving).await {
                Ok(ended) => ended??,
                Err(_) => tracing::warn!("some requests did not finish in time"),
            }
        }
    }
    stop.send_replace(true);
    Ok(())
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
pub(super) async fn told(mut stop: watch::Receiver<bool>) {
    // The sender outlives its receivers; if it did not, stopping would be right.
    let _ = stop.wait_for(|stop| *stop).await;
}
