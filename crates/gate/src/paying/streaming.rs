//! Answers that go through while they are made; their money is taken at the end.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use farebox_telemetry::outcome;
use http::{
    HeaderMap, HeaderValue, Request, Response,
    header::{CONTENT_LENGTH, TRAILER},
};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower::Service;
use tracing::{Instrument, Span};

use super::{
    Paying, claiming, record,
    serving::Held,
    taking::{Asking, Taken, take},
};
use crate::{
    actual,
    answers::{self, Claimed, Run},
    body::GateBody,
    finish::Finish,
    headers,
    work::{self, BoxError, Worked},
};

/// Runs the handler and lets a success through.
pub(super) async fn serve<S, ReqB, ResB>(
    paying: Box<Paying>,
    mut held: Held,
    mut inner: S,
    request: Request<ReqB>,
) -> Result<Response<GateBody<ResB>>, S::Error>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    held.verified.begin();
    let mut answer = match work::caught(inner.call(request)).await {
        Some(Ok(answer)) if work::is_success(answer.status()) => answer,
        other => {
            let answer = paying.unsuccessful(Worked::of(other)).await;
            held.release().await;
            return answer;
        }
    };
    let reported = actual::take(&mut answer);
    let closing = Closing { paying, held, reported, delivered: false, span: Span::current() };
    closing.announce(answer.headers_mut());
    Ok(answer.map(|body| GateBody::streamed(Streamed { body, end: End::Open(Some(Box::new(closing))) })))
}

pin_project! {
    /// A body that goes through, then its receipt.
    pub(crate) struct Streamed<B> {
        #[pin]
        body: B,
        end: End,
    }
}

enum End {
    /// Frames go through. Dropped here, the client has left.
    Open(Option<Box<Closing>>),
    Settling {
        trailers: HeaderMap,
        work: Finish<HeaderMap>,
    },
    Over,
}

/// What happens at the end of a stream.
struct Closing {
    paying: Box<Paying>,
    held: Held,
    /// What the handler said before its first byte.
    reported: Option<Result<actual::Actual, actual::BadActual>>,
    delivered: bool,
    span: Span,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Whole,
    BrokenOff,
}

impl<B: Body<Data = Bytes>> Streamed<B> {
    pub(crate) fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        loop {
            match this.end {
                End::Open(closing) => match ready!(this.body.as_mut().poll_frame(cx)) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => {
                            if let Some(closing) = closing {
                                closing.delivered |= !data.is_empty();
                            }
                            return Poll::Ready(Some(Ok(Frame::data(data))));
                        }
                        Err(frame) => {
                            *this.end = End::settling(closing.take(), frame.into_trailers().unwrap_or_default())
                        }
                    },
                    None => *this.end = End::settling(closing.take(), HeaderMap::new()),
                    Some(Err(error)) => {
                        if let Some(closing) = closing.take() {
                            drop(Finish::new(closing.end(Ended::BrokenOff)));
                        }
                        *this.end = End::Over;
                        return Poll::Ready(Some(Err(error)));
                    }
                },
                End::Settling { trailers, work } => {
                    let receipt = ready!(Pin::new(work).poll(cx));
                    let mut all = std::mem::take(trailers);
                    all.extend(receipt);
                    *this.end = End::Over;
                    return Poll::Ready(Some(Ok(Frame::trailers(all))));
                }
                End::Over => return Poll::Ready(None),
            }
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.end, End::Over)
    }

    /// Nothing exact: a receipt follows.
    pub(crate) fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.body.size_hint().lower());
        hint
    }
}

impl End {
    fn settling(closing: Option<Box<Closing>>, mut trailers: HeaderMap) -> Self {
        let Some(mut closing) = closing else { return Self::Over };
        if let Some(reported) = actual::take_header(&mut trailers) {
            closing.reported = Some(reported);
        }
        Self::Settling { trailers, work: Finish::new(closing.end(Ended::Whole)) }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if let Self::Open(closing) = self
            && let Some(closing) = closing.take()
        {
            // The client has left; what it got is charged, whoever waits for it.
            drop(Finish::new(closing.end(Ended::BrokenOff)));
        }
    }
}

impl Closing {
    /// Says where the receipt will be. A length would leave no place for it.
    fn announce(&self, headers: &mut HeaderMap) {
        headers.remove(CONTENT_LENGTH);
        headers.append(TRAILER, HeaderValue::from_static("payment-response"));
        if let Some(place) = self.paying.gate.receipt_of(self.held.verified.request_id()) {
            headers.insert(headers::RECEIPT_LOCATION, place);
        }
        headers::expose(headers);
        headers::make_private(headers);
    }

    /// Takes what was used, and answers with the receipt as trailers. Nothing is taken for nothing delivered.
    fn end(self: Box<Self>, ended: Ended) -> impl Future<Output = HeaderMap> + Send + 'static {
        let span = self.span.clone();
        self.ended(ended).instrument(span)
    }

    async fn ended(self: Box<Self>, ended: Ended) -> HeaderMap {
        let Self { paying, mut held, reported, delivered, .. } = *self;
        if ended == Ended::BrokenOff && !delivered {
            held.release().await;
            return HeaderMap::new();
        }
        if let Err(bad) = paying.measure(&mut held.verified, reported) {
            tracing::error!("nothing was charged: the handler reports no amount: {bad}");
            held.release().await;
            return HeaderMap::new();
        }
        if held.run.is_none() {
            held.run = paying.receipt_only(held.verified.request_id()).await;
        }
        let v1 = paying.v1;
        let asking = Asking { delivered: true, ..paying.asking() };
        let receipt = match take(held, None, asking).await {
            Taken::Settled(settled) => {
                record(outcome::SETTLED);
                settled.receipt().clone()
            }
            Taken::Refused(refused) => {
                super::record_refusal(refused.refusal());
                tracing::error!(
                    code = &*refused.refusal().code,
                    "a delivered stream is not paid: its settlement was refused"
                );
                refused.receipt().clone()
            }
            Taken::Unknown(doubt) => *doubt.receipt,
            Taken::NotKept => return HeaderMap::new(),
        };
        HeaderMap::from_iter([headers::receipt(&receipt, v1)])
    }
}

impl Paying {
    /// A place for the receipt of a payment that can pay again, where receipts can be asked for.
    async fn receipt_only(&self, request_id: &str) -> Option<Run> {
        self.gate.receipt_of(request_id)?;
        let store = claiming::store(self);
        match store.claim(&answers::of_charge(request_id, self.fare.hold().ttl)).await {
            Ok(Claimed::Mine(ticket)) => Some(Run::new(Arc::clone(&store), ticket)),
            Ok(_) => None,
            Err(fault) => {
                tracing::error!("a receipt will not be kept: {fault}");
                None
            }
        }
    }
}

impl<B> fmt::Debug for Streamed<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").finish_non_exhaustive()
    }
}
