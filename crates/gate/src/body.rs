//! The body of an answer that went through a gate.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Collected;
use pin_project_lite::pin_project;

use crate::paying::Streamed;

pin_project! {
    /// The inner service's body as it is; the same with its receipt at the end; or a whole one: an answer held back until it
    /// was paid, or the gate's own.
    pub struct GateBody<B> {
        #[pin]
        content: Content<B>,
    }
}

pin_project! {
    #[project = Projected]
    enum Content<B> {
        Passed { #[pin] body: B },
        Streamed { #[pin] body: Streamed<B> },
        Whole { whole: Whole },
    }
}

/// A body that has arrived.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    data: Bytes,
    trailers: Option<HeaderMap>,
}

impl Whole {
    pub(crate) const fn new(data: Bytes, trailers: Option<HeaderMap>) -> Self {
        Self { data, trailers }
    }

    pub(crate) const fn parts(&self) -> (&Bytes, Option<&HeaderMap>) {
        (&self.data, self.trailers.as_ref())
    }

    pub(crate) const fn len(&self) -> usize {
        self.data.len()
    }
}

impl From<Bytes> for Whole {
    fn from(data: Bytes) -> Self {
        Self { data, trailers: None }
    }
}

impl From<Collected<Bytes>> for Whole {
    fn from(collected: Collected<Bytes>) -> Self {
        let trailers = collected.trailers().cloned();
        Self { data: collected.to_bytes(), trailers }
    }
}

impl<B> GateBody<B> {
    pub(crate) const fn passed(body: B) -> Self {
        Self { content: Content::Passed { body } }
    }

    pub(crate) const fn streamed(body: Streamed<B>) -> Self {
        Self { content: Content::Streamed { body } }
    }

    pub(crate) const fn whole(whole: Whole) -> Self {
        Self { content: Content::Whole { whole } }
    }
}

impl<B: Body<Data = Bytes>> Body for GateBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let whole = match self.project().content.project() {
            Projected::Passed { body } => return Poll::Ready(ready!(body.poll_frame(cx))),
            Projected::Streamed { body } => return body.poll_frame(cx),
            Projected::Whole { whole } => whole,
        };
        if !whole.data.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut whole.data)))));
        }
        Poll::Ready(whole.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Passed { body } => body.is_end_stream(),
            Content::Streamed { body } => body.is_over(),
            Content::Whole { whole } => whole.data.is_empty() && whole.trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Passed { body } => body.size_hint(),
            Content::Streamed { body } => body.size_hint(),
            Content::Whole { whole } => SizeHint::with_exact(u64::try_from(whole.data.len()).unwrap_or(u64::MAX)),
        }
    }
}

impl<B> fmt::Debug for GateBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GateBody").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    type TestBody = GateBody<Full<Bytes>>;

    #[tokio::test]
    async fn a_whole_body_knows_its_size_and_keeps_its_trailers() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "1".parse().unwrap());
        let body = TestBody::whole(Whole { data: Bytes::from_static(b"paid"), trailers: Some(trailers.clone()) });
        assert_eq!(body.size_hint().exact(), Some(4));
        assert!(!body.is_end_stream());
        let read = body.collect().await.unwrap();
        assert_eq!(read.trailers(), Some(&trailers));
        assert_eq!(read.to_bytes(), "paid");
    }

    #[tokio::test]
    async fn an_empty_whole_body_ends_at_once() {
        let body = TestBody::whole(Whole::default());
        assert!(body.is_end_stream());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "");
    }

    #[tokio::test]
    async fn a_passed_body_is_untouched() {
        let body = TestBody::passed(Full::from("free"));
        assert_eq!(body.size_hint().exact(), Some(4));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "free");
    }
}
