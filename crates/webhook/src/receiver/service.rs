//! The receiver as a tower service.

use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tokio::time::timeout;
use tower::Service;

use super::{Receiver, answer::Answer};

/// What the API itself takes, and so sends, at most.
const LONGEST_BODY: usize = 1024 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

impl<B> Service<Request<B>> for Receiver
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let receiver = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let answer = match read(&head.method, body).await {
                Ok(body) => receiver.answer(&head.headers, body).await,
                Err(answer) => answer,
            };
            Ok(answer.into_response())
        })
    }
}

async fn read<B>(method: &Method, body: B) -> Result<Bytes, Answer>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if method != Method::POST {
        return Err(Answer::WrongMethod);
    }
    let body = timeout(BODY_TIMEOUT, Limited::new(body, LONGEST_BODY).collect()).await.map_err(|_| Answer::TooSlow)?;
    let too_large = |error: Box<dyn Error + Send + Sync>| error.is::<LengthLimitError>();
    body.map(|body| body.to_bytes()).map_err(|error| if too_large(error) { Answer::TooLarge } else { Answer::Refused })
}
