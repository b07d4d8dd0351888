//! One event, claimed, handled, and remembered.

use std::{error::Error, future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use farebox_telemetry::paylera::label;
use futures_util::FutureExt as _;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::{Inner, answer::Answer};
use crate::{
    event::Event,
    replay::{Claim, StoreError},
};

/// What a handler may fail with.
pub(super) type Failure = Box<dyn Error + Send + Sync>;
pub(super) type Handling = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;
pub(super) type Handler = Arc<dyn Fn(Event) -> Handling + Send + Sync>;

/// How much longer a claim lasts than its handler may run: the time to write down that it is done.
const MARGIN: Duration = Duration::from_secs(30);

impl Inner {
    pub(super) async fn handle(self: Arc<Self>, event: Event, handler: Handler) -> Answer {
        let (id, kind) = (event.id().to_owned(), event.kind().label());
        let ticket = Uuid::now_v7();
        let result = match self.claim(&id, ticket).await {
            Ok(Claim::Granted) => {
                self.watch.received(kind, label::VALID);
                let handled = self.run(event, handler).await;
                return self.settle(&id, ticket, handled).await;
            }
            Ok(Claim::Done) => Ok(Answer::Handled),
            Ok(Claim::Running) => Ok(Answer::Running),
            Err(error) => Err(error),
        };
        match result {
            Ok(answer) => {
                self.watch.received(kind, label::REPLAYED);
                answer
            }
            Err(error) => {
                tracing::error!(event = id, error = %error.0, "the replay store cannot be asked");
                self.watch.received(kind, label::VALID);
                Answer::Unavailable
            }
        }
    }

    async fn claim(&self, id: &str, ticket: Uuid) -> Result<Claim, StoreError> {
        let now = self.clock.now();
        // The handler is ended before its claim ends: no second one begins beside it.
        let ends = now.after(self.handler_timeout.saturating_add(MARGIN));
        self.store.claim(id, ticket, now, ends).await
    }

    async fn run(&self, event: Event, handler: Handler) -> Result<(), Failure> {
        let (begun, kind) = (Instant::now(), event.kind().label());
        let handling = AssertUnwindSafe(async move { handler(event).await }).catch_unwind();
        let result = match timeout(self.handler_timeout, handling).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err("the handler panicked".into()),
            Err(_) => Err("the handler took too long".into()),
        };
        self.watch.handled(kind, begun.elapsed());
        result
    }

    async fn settle(&self, id: &str, ticket: Uuid, handled: Result<(), Failure>) -> Answer {
        let (answer, written) = match handled {
            // If this cannot be written the answer is still that it succeeded: sending it again could only repeat it.
            Ok(()) => (Answer::Handled, self.store.done(id, ticket, self.clock.now()).await),
            Err(error) => {
                tracing::error!(event = id, error = %error, "a webhook's handler failed");
                (Answer::Failed, self.store.release(id, ticket).await)
            }
        };
        if let Err(error) = written {
            tracing::error!(event = id, error = %error.0, "the replay store could not be told how an event ended");
        }
        answer
    }
}
