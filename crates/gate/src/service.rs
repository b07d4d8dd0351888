//! The service a [`Gate`] makes of another.

use std::{
    fmt,
    future::{Ready, ready},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::Service;
use tracing::Instrument;

use crate::{
    answer,
    body::{GateBody, Whole},
    gate::Gate,
    paying::{self, Arrival, Paying},
    work::BoxError,
};

/// A priced path longer than this is answered 414: it goes into the offer, and so into every call to the facilitator.
const MAX_PATH: usize = 4096;

/// A service behind a [`Gate`]. Requests that are free reach it as they are, without an allocation.
#[derive(Clone)]
pub struct Gated<S> {
    inner: S,
    gate: Gate,
}

impl<S> Gated<S> {
    pub(crate) const fn new(inner: S, gate: Gate) -> Self {
        Self { inner, gate }
    }
}

impl<S, ReqB, ResB> Service<Request<ReqB>> for Gated<S>
where
    S: Service<Request<ReqB>, Response = Response<ResB>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    ReqB: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    ReqB::Error: Into<BoxError>,
    ResB: Body<Data = Bytes> + Send + 'static,
    ResB::Error: Into<BoxError>,
{
    type Response = Response<GateBody<ResB>>;
    type Error = S::Error;
    type Future = GateFuture<S::Future, ResB, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqB>) -> Self::Future {
        if let Some(id) = self.gate.receipt_asked(&request) {
            return GateFuture { state: State::Paid { work: Box::pin(receipt(self.gate.clone(), id)) } };
        }
        let Some(charge) = self.gate.charge(&request) else {
            return GateFuture { state: State::Free { inner: self.inner.call(request) } };
        };
        if charge.path.len() > MAX_PATH {
            return GateFuture::answered(answer::path_too_long());
        }
        let fare = Arc::clone(charge.fare);
        let simple = self.gate.hooks().is_none() && !fare.asks() && fare.subscribers.is_none();
        let Some(menu) = Some(()).filter(|()| simple).and_then(|()| fare.menu()) else {
            let (verb, path) = (charge.verb.to_owned(), charge.path.to_owned());
            let arrival = Arrival { gate: self.gate.clone(), fare, verb, path };
            let work = Box::pin(paying::arrive(arrival, self.ready(), request));
            return GateFuture { state: State::Paid { work } };
        };
        let quote = menu.quote(charge.verb, charge.path);
        match Paying::read(&self.gate, fare, quote, &mut request) {
            Err(answer) => GateFuture::answered(*answer),
            Ok(paying) => {
                let (span, inner) = (paying.span(), self.ready());
                let work = Box::pin(paying::serve(paying, inner, request).instrument(span));
                GateFuture { state: State::Paid { work } }
            }
        }
    }
}

/// The receipt of a charge, to whoever knows its name.
async fn receipt<B, E>(gate: Gate, id: String) -> Result<Response<GateBody<B>>, E> {
    let answer = match gate.answers().receipt(&id).await {
        Ok(found) => answer::receipt(found),
        Err(fault) => {
            tracing::error!(source = fault.source.as_deref(), "a receipt cannot be read: {fault}");
            answer::unavailable(&fault)
        }
    };
    Ok(answer::whole(answer))
}

impl<S: Clone> Gated<S> {
    /// The service that was asked whether it is ready; its clone, which was not, stays for later.
    fn ready(&mut self) -> S {
        let later = self.inner.clone();
        mem::replace(&mut self.inner, later)
    }
}

pin_project! {
    /// The answer to come of a [`Gated`] service.
    pub struct GateFuture<F, B, E> {
        #[pin]
        state: State<F, B, E>,
    }
}

type Work<B, E> = Pin<Box<dyn Future<Output = Result<Response<GateBody<B>>, E>> + Send>>;

pin_project! {
    #[project = Projected]
    enum State<F, B, E> {
        Free { #[pin] inner: F },
        Answered { answer: Ready<Response<Whole>> },
        Paid { work: Work<B, E> },
    }
}

impl<F, B, E> GateFuture<F, B, E> {
    fn answered(answer: Response<Whole>) -> Self {
        Self { state: State::Answered { answer: ready(answer) } }
    }
}

impl<F: Future<Output = Result<Response<B>, E>>, B, E> Future for GateFuture<F, B, E> {
    type Output = Result<Response<GateBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Free { inner } => inner.poll(cx).map_ok(|answer| answer.map(GateBody::passed)),
            Projected::Answered { answer } => Pin::new(answer).poll(cx).map(|answer| Ok(answer::whole(answer))),
            Projected::Paid { work } => work.as_mut().poll(cx),
        }
    }
}

impl<S: fmt::Debug> fmt::Debug for Gated<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gated").field("inner", &self.inner).field("gate", &self.gate).finish()
    }
}
