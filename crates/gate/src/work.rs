//! The handler's part: its answer, whole, or what became of it.

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;
use tower::Service;

use crate::{
    answer::{self, Own},
    body::Whole,
    headers::declared_length,
};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// How the handler fared.
pub(crate) enum Worked<B, E> {
    /// A success, whole: to be paid for.
    Succeeded(Response<Whole>),
    /// An answer that is not a success: the handler's own, uncharged.
    Unsuccessful(Response<B>),
    /// A success that never became whole, or a panic; why is for the log.
    Broken(String),
    /// The service itself failed.
    Failed(E),
}

/// Runs the handler and waits for the whole of a successful answer.
pub(crate) async fn run<S, ReqB, ResB>(mut inner: S, request: Request<ReqB>, max_body: usize) -> Worked<ResB, S::Error>
where
    S: Service<Request<ReqB>, Response = Response<ResB>>,
    ResB: Body<Data = Bytes>,
    ResB::Error: Into<BoxError>,
{
    let without_body = request.method() == Method::HEAD;
    let work = async {
        let answer = match inner.call(request).await {
            Ok(answer) if is_success(answer.status()) => answer,
            Ok(answer) => return Worked::Unsuccessful(answer),
            Err(error) => return Worked::Failed(error),
        };
        let (head, body) = answer.into_parts();
        match collect(body, max_body).await {
            Err(why) => Worked::Broken(why),
            Ok(whole) => match declared_length(&head.headers) {
                Some(declared) if declared != whole.len() && !without_body => {
                    Worked::Broken(format!("the body has {} bytes of the {declared} it declares", whole.len()))
                }
                _ => Worked::Succeeded(Response::from_parts(head, whole)),
            },
        }
    };
    caught(work).await.unwrap_or_else(|| Worked::Broken("the handler panicked".to_owned()))
}

impl<B, E> Worked<B, E> {
    /// Of a handler whose answer is no success.
    pub(crate) fn of(answered: Option<Result<Response<B>, E>>) -> Self {
        match answered {
            Some(Ok(answer)) => Self::Unsuccessful(answer),
            Some(Err(error)) => Self::Failed(error),
            None => Self::Broken("the handler panicked".to_owned()),
        }
    }
}

/// The whole of an answer, or why it never was.
pub(crate) async fn whole<B>(answer: Response<B>, max: usize) -> Result<Response<Whole>, String>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (head, body) = answer.into_parts();
    Ok(Response::from_parts(head, collect(body, max).await?))
}

/// How long the body of a paid request may take to arrive, where it has to be read first.
const PATIENCE: Duration = Duration::from_secs(30);

/// The request with its body read, and that body: the request still has it.
pub(crate) async fn take_body<B>(request: Request<B>, max: usize) -> Result<(Request<B>, Bytes), Box<Own>>
where
    B: Body<Data = Bytes> + From<Bytes>,
    B::Error: Into<BoxError>,
{
    let (head, body) = request.into_parts();
    if body.is_end_stream() {
        return Ok((Request::from_parts(head, body), Bytes::new()));
    }
    let Ok(collected) = timeout(PATIENCE, Limited::new(body, max).collect()).await else {
        return Err(answer::request_too_slow().into());
    };
    match collected {
        Ok(collected) => {
            let body = collected.to_bytes();
            Ok((Request::from_parts(head, B::from(body.clone())), body))
        }
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(answer::request_too_long(max).into()),
        Err(error) => {
            tracing::debug!("a request broke off: {error}");
            Err(answer::request_broken().into())
        }
    }
}

/// What is charged for: 2xx, and an upgrade, which is the success of a web socket.
pub(crate) fn is_success(status: StatusCode) -> bool {
    status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS
}

async fn collect<B>(body: B, max: usize) -> Result<Whole, String>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    if body.size_hint().lower() > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(format!("the body is longer than {max} bytes"));
    }
    match Limited::new(body, max).collect().await {
        Ok(collected) => Ok(collected.into()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            Err(format!("the body is longer than {max} bytes"))
        }
        Err(error) => Err(format!("the body broke off: {error}")),
    }
}

/// `None` if the work panicked. The panic has been reported by the panic hook.
pub(crate) async fn caught<F: Future>(work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => std::task::Poll::Ready(None),
    })
    .await
}
