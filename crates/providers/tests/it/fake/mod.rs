//! Programs that stand on the other side: whoever takes webhooks, and providers that speak as documented.

mod listener;
mod stripe;
mod toss;

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;

pub(crate) use listener::Listener;
pub(crate) use stripe::FakeStripe;
pub(crate) use toss::FakeToss;

/// Longer than any client of these tests waits.
const FOR_EVER: Duration = Duration::from_secs(60);

/// Serves on a free port; answers the base URL.
async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    url
}

/// What goes wrong with the next write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// No answer, though it took effect.
    HangAfter,
    /// Status 500, without effect.
    FailBefore,
    /// Status 500, though it took effect.
    FailAfter,
    /// Status 429 with Retry-After.
    Busy,
}
