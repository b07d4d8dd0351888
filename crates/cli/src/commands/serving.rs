//! Serving until the process is told to stop, for every command that serves.

use std::{io::ErrorKind, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::TcpListener,
    sync::{Notify, oneshot, watch},
    time::{sleep, timeout},
};
use tower::ServiceExt;

use super::signals::told_to_stop;
use crate::{config::Config, failure::failure};

/// Requests that are still running this long after the signal are given up; their clients may repeat them.
const DRAIN: Duration = Duration::from_secs(20);
/// How long the head of a request may take; longer than clients keep connections that they do not use.
const HEAD: Duration = Duration::from_secs(100);
/// When no connection can be accepted, most likely for want of files.
const BREATHER: Duration = Duration::from_secs(1);

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
    let mut serving = tokio::spawn(serve(listener, routes, HEAD, stop.subscribe()));
    tokio::select! {
        ended = &mut serving => ended?,
        () = stopped(with_stdin) => {
            tracing::info!("stopping: no new requests, finishing those that run");
            stop.send_replace(true);
            match tokio::time::timeout(DRAIN, serving).await {
                Ok(ended) => ended?,
                Err(_) => tracing::warn!("some requests did not finish in time"),
            }
        }
    }
    stop.send_replace(true);
    Ok(())
}

/// Serves until `stop` says so, and then what was begun. A head that does not come in time ends its connection; bodies have
/// the time limits of whoever reads them.
async fn serve(listener: TcpListener, routes: Router, head: Duration, stop: watch::Receiver<bool>) {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(head);
    server.http2().timer(TokioTimer::new()).keep_alive_interval(head).enable_connect_protocol();
    let connections = GracefulShutdown::new();
    let mut stopped = pin!(told(stop));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stopped => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (routes, asked) = (routes.clone(), Arc::new(Notify::new()));
                let asking = Arc::clone(&asked);
                let service = service_fn(move |request: Request<Incoming>| {
                    asking.notify_one();
                    let mut request = request.map(Body::new);
                    request.extensions_mut().insert(ConnectInfo(peer));
                    routes.clone().oneshot(request)
                });
                let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
                tokio::spawn(see_through(connections.watch(connection), asked, head));
            }
            // Its client has gone before it was accepted: that is nobody else's trouble.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
            Err(error) => {
                tracing::warn!("no connection can be accepted: {error}");
                sleep(BREATHER).await;
            }
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// Until a connection ends; how it does is its client's affair. Before it is known which protocol is spoken, nothing else
/// watches the time.
async fn see_through(connection: impl Future, asked: Arc<Notify>, head: Duration) {
    let mut connection = pin!(connection);
    let first = tokio::select! {
        biased;
        _ = &mut connection => return,
        first = timeout(head, asked.notified()) => first,
    };
    if first.is_ok() {
        connection.await;
    }
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    const SOON: Duration = Duration::from_millis(300);

    async fn open() -> (SocketAddr, watch::Sender<bool>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes =
            Router::new().route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }));
        let (stop, stopping) = watch::channel(false);
        (address, stop, tokio::spawn(serve(listener, routes, SOON, stopping)))
    }

    async fn rest(mut stream: TcpStream) -> String {
        let mut text = String::new();
        // However it ends: a connection that is reset has ended as well.
        let _ = stream.read_to_string(&mut text).await;
        text
    }

    #[tokio::test]
    async fn requests_are_served_with_their_peer_until_told_to_stop_and_then_to_their_end() {
        let (address, stop, serving) = open().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let peer = stream.local_addr().unwrap().to_string();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = vec![0; 1024];
        let read = stream.read(&mut answer).await.unwrap();
        assert!(String::from_utf8_lossy(&answer[..read]).ends_with(&peer));
        stop.send_replace(true);
        serving.await.unwrap();
        assert_eq!(rest(stream).await, "");
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_head_that_does_not_come_ends_its_connection() {
        let (address, _stop, _serving) = open().await;
        for said in ["", "P", "PRI * HT", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(said.as_bytes()).await.unwrap();
            let ended = tokio::time::timeout(10 * SOON, rest(stream)).await;
            assert!(ended.is_ok_and(|text| !text.contains("200")), "{said:?}");
        }
        // Nor may the second one of a connection.
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HT").await.unwrap();
        let ended = tokio::time::timeout(10 * SOON, rest(stream)).await.unwrap();
        assert_eq!(ended.matches("200 OK").count(), 1);
    }
}
