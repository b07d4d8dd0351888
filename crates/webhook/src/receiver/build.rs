//! From options to a receiver.

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use farebox_types::{Clock, Secret, SystemClock};

use super::{
    Inner, Receiver,
    handle::{Failure, Handler, Handling},
    watch::Watch,
};
use crate::{
    event::Event,
    kind::EventType,
    memory::Memory,
    replay::ReplayStore,
    signature::{BadSecrets, Verifier},
};

/// Collects what a [`Receiver`] needs. Nothing is checked before [`build`](Self::build).
#[must_use]
pub struct ReceiverBuilder {
    secrets: Vec<Secret>,
    handlers: Vec<(EventType, Handler)>,
    otherwise: Option<Handler>,
    store: Arc<dyn ReplayStore>,
    clock: Arc<dyn Clock>,
    tolerance: Option<Duration>,
    handler_timeout: Duration,
}

/// A receiver that cannot work: an error at start-up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadReceiver {
    /// No secret, or an empty one.
    #[error(transparent)]
    Secrets(#[from] BadSecrets),
    /// Two handlers of one type.
    #[error("there are two handlers for {0}")]
    Twice(EventType),
}

impl Receiver {
    /// A receiver of deliveries that are signed under any of `secrets`: while one is replaced, both.
    pub fn builder(secrets: impl IntoIterator<Item = Secret>) -> ReceiverBuilder {
        ReceiverBuilder {
            secrets: secrets.into_iter().collect(),
            handlers: Vec::new(),
            otherwise: None,
            store: Arc::new(Memory::default()),
            clock: Arc::new(SystemClock),
            tolerance: None,
            handler_timeout: Duration::from_secs(25),
        }
    }
}

impl ReceiverBuilder {
    /// What to do about events of one type. It may run again after a failure or a crash, never beside itself.
    pub fn on<H, F, E>(mut self, kind: EventType, handler: H) -> Self
    where
        H: Fn(Event) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Failure>,
    {
        self.handlers.push((kind, boxed(handler)));
        self
    }

    /// What to do about events that have no handler of their own, unknown types included. Unless there is one, they are
    /// answered 200 and nothing happens.
    pub fn otherwise<H, F, E>(mut self, handler: H) -> Self
    where
        H: Fn(Event) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Failure>,
    {
        self.otherwise = Some(boxed(handler));
        self
    }

    /// Where handled events are remembered; [`Memory`] unless said, which is for one process.
    pub fn replay_store(mut self, store: Arc<dyn ReplayStore>) -> Self {
        self.store = store;
        self
    }

    /// How far a signature's time may be from now, both ways; 300 s.
    pub const fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = Some(tolerance);
        self
    }

    /// How long a handler may run before it is ended, which counts as a failure; 25 s.
    pub const fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.handler_timeout = timeout;
        self
    }

    /// What signatures' times are compared with.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// A receiver, ready to be mounted. Metrics ask for the program's OpenTelemetry SDK here.
    ///
    /// # Errors
    /// [`BadReceiver`] for the first option that cannot work.
    pub fn build(self) -> Result<Receiver, BadReceiver> {
        let verifier = Verifier::new(self.secrets)?;
        let verifier = self.tolerance.into_iter().fold(verifier, Verifier::tolerance);
        let mut handlers = HashMap::new();
        for (kind, handler) in self.handlers {
            if handlers.insert(kind.clone(), handler).is_some() {
                return Err(BadReceiver::Twice(kind));
            }
        }
        let (otherwise, store, clock) = (self.otherwise, self.store, self.clock);
        let (handler_timeout, watch) = (self.handler_timeout, Watch::new());
        Ok(Receiver(Arc::new(Inner { verifier, handlers, otherwise, store, clock, handler_timeout, watch })))
    }
}

fn boxed<H, F, E>(handler: H) -> Handler
where
    H: Fn(Event) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<Failure>,
{
    Arc::new(move |event| {
        let handling = handler(event);
        Box::pin(async move { handling.await.map_err(Into::into) }) as Handling
    })
}
