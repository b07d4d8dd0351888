//! Verifies deliveries, keeps replays out, and runs the handler of each event's type.

mod answer;
mod build;
mod handle;
mod service;
mod watch;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use farebox_telemetry::paylera::label;
use farebox_types::Clock;
use http::{HeaderMap, Response};
use http_body_util::Full;
use opentelemetry::{Context, trace::FutureExt};

use crate::{
    event::Event,
    kind::EventType,
    replay::ReplayStore,
    signature::{BadSignature, SIGNATURE, Verifier},
};
use answer::Answer;
pub use build::{BadReceiver, ReceiverBuilder};
use handle::{Failure, Handler};
use watch::Watch;

/// A tower service that answers deliveries; `route_service` and `nest_service` of axum take it as it is. Cheap to clone.
///
/// | answer | when |
/// |---|---|
/// | 200 | the handler succeeded, now or before, or the type has none |
/// | 400 | the signature, its time or the body is not right; the same bytes whatever it was |
/// | 405, 408, 413 | not POST; the body did not come within 10 s; it is longer than 1 MiB |
/// | 409 + `Retry-After` | the event is being handled |
/// | 500 | the handler failed, panicked or took too long: the event may come again |
/// | 503 + `Retry-After` | the replay store could not be asked |
#[derive(Clone)]
pub struct Receiver(Arc<Inner>);

struct Inner {
    verifier: Verifier,
    handlers: HashMap<EventType, Handler>,
    otherwise: Option<Handler>,
    store: Arc<dyn ReplayStore>,
    clock: Arc<dyn Clock>,
    handler_timeout: Duration,
    watch: Watch,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("types", &self.0.handlers.keys()).finish_non_exhaustive()
    }
}

impl Receiver {
    /// Receives one delivery: its headers and its body as it came. For frameworks other than tower's; needs a tokio
    /// runtime. A handler that has begun runs to its end, even if whoever waits for this answer goes away.
    pub async fn receive(&self, headers: &HeaderMap, body: Bytes) -> Response<Full<Bytes>> {
        self.answer(headers, body).await.into_response()
    }

    async fn answer(&self, headers: &HeaderMap, body: Bytes) -> Answer {
        let context = Watch::begin(headers);
        let answer = match self.genuine(headers, body) {
            Ok(event) => {
                Watch::name(&context, event.kind());
                self.dispatch(event).with_context(context.clone()).await
            }
            Err(why) => {
                tracing::warn!(%why, "a webhook delivery was refused");
                self.0.watch.received(label::UNVERIFIED, label::INVALID);
                Answer::Refused
            }
        };
        Watch::end(&context, answer);
        answer
    }

    fn genuine(&self, headers: &HeaderMap, body: Bytes) -> Result<Event, Failure> {
        let mut values = headers.get_all(SIGNATURE).iter();
        let header = values.next().filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok());
        self.0.verifier.verify(header.ok_or(BadSignature::Form)?, &body, self.0.clock.now())?;
        Ok(Event::read(body)?)
    }

    async fn dispatch(&self, event: Event) -> Answer {
        let kind = event.kind().label();
        let Some(handler) = self.0.handlers.get(event.kind()).or(self.0.otherwise.as_ref()).cloned() else {
            self.0.watch.received(kind, label::VALID);
            return Answer::Handled;
        };
        // A task of its own: the sender may hang up, and half a handler is worse than none.
        let task = Arc::clone(&self.0).handle(event, handler).with_context(Context::current());
        tokio::spawn(task).await.unwrap_or(Answer::Failed)
    }
}
