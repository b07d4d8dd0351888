//! Pooled connections, `http` and `https`.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::crypto::ring;

/// Connections to any number of servers. Cheap to clone; clones share them.
pub type Pool = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Shorter than the idle time of common servers and proxies, so that it is the client that closes first.
const IDLE: Duration = Duration::from_secs(30);

/// A pool of its own, with the roots that browsers trust; nothing is opened yet.
///
/// # Errors
/// If TLS cannot be set up.
pub fn pool(connect_timeout: Duration) -> Result<Pool, rustls::Error> {
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(connect_timeout));
    // The provider is handed over, so that no process-wide default is needed or touched.
    let tls = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(ring::default_provider())?;
    let connector = tls.https_or_http().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).build(connector))
}
