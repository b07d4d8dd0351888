//! One call, as bytes: what the relay forwards, and what every typed call is made of.

use bytes::Bytes;
use farebox_types::IdempotencyKey;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::{Instant, sleep, timeout};

use crate::{client::Client, error::Error, operation, retry::is_transient, retry_after};

/// A call to the API.
pub struct Forward<'a> {
    /// GET and HEAD are tried again without a key, everything else only with one.
    pub method: Method,
    /// Path and query, both encoded: `/v1/plans?status=active`.
    pub path: &'a str,
    /// JSON, sent as it is.
    pub body: Option<Bytes>,
    /// The same for every attempt, so that they have one effect.
    pub idempotency_key: Option<&'a IdempotencyKey>,
}

/// An answer of the API, whatever its status.
pub struct Forwarded {
    /// The status.
    pub status: StatusCode,
    /// Every header.
    pub headers: HeaderMap,
    /// The body, to its end.
    pub body: Bytes,
}

/// A call, and what the API's own callers have no say in.
pub(crate) struct Exchange<'a> {
    pub(crate) call: Forward<'a>,
    /// With names for its ids.
    pub(crate) endpoint: &'static str,
    /// What has come of it is wanted as the answer.
    pub(crate) representation: bool,
}

impl Client {
    /// Makes a call, and repeats it as the contract says. The last answer is returned, be it a success or not.
    ///
    /// # Errors
    /// [`Error`] when the last attempt brought no answer: `Timeout`, `Transport`, `TooLong` or `Path`.
    pub async fn forward(&self, call: Forward<'_>) -> Result<Forwarded, Error> {
        let endpoint = operation::endpoint(&call.method, call.path);
        self.exchange(Exchange { call, endpoint, representation: false }).await
    }

    pub(crate) async fn exchange(&self, exchange: Exchange<'_>) -> Result<Forwarded, Error> {
        let begun = Instant::now();
        let outcome = self.attempts(&exchange).await;
        let status = outcome.as_ref().map_or(0, |answer| answer.status.as_u16());
        self.0.watch.called(exchange.endpoint, status, begun.elapsed());
        outcome
    }

    async fn attempts(&self, exchange: &Exchange<'_>) -> Result<Forwarded, Error> {
        let call = &exchange.call;
        let uri = self.0.endpoint.uri(call.path)?;
        let safe = matches!(call.method, Method::GET | Method::HEAD);
        let attempts = if safe || call.idempotency_key.is_some() { self.0.retry.attempts.max(1) } else { 1 };
        let mut attempt = 1;
        loop {
            let one = timeout(self.0.timeout, self.0.endpoint.exchange(exchange, &uri));
            let outcome = one.await.unwrap_or(Err(Error::Timeout));
            let hint = match &outcome {
                Ok(answer) if !is_transient(answer.status) => return outcome,
                Err(Error::TooLong | Error::Path) => return outcome,
                _ if attempt == attempts => return outcome,
                Ok(answer) => retry_after::hint(&answer.headers, self.0.clock.now()),
                Err(_) => None,
            };
            let wait = self.0.retry.wait(attempt, hint, &self.0.draws);
            tracing::debug!(attempt, wait_ms = wait.as_millis(), "the billing API is asked again");
            sleep(wait).await;
            attempt += 1;
        }
    }
}
