//! Answers, read to their end within a limit.

use bytes::{Bytes, BytesMut};
use farebox_x402::{
    Receipt,
    header::{self, PAYMENT_RESPONSE, X_PAYMENT_RESPONSE},
};
use http::{HeaderMap, Response, StatusCode};

/// Why there is no answer.
pub(crate) enum Failed {
    /// On the way there or back.
    Network(reqwest::Error),
    /// Longer than the limit: all but its body.
    TooLong(Box<Answer>),
}

/// An answer that is all there.
pub(crate) type Answer = Response<Bytes>;

/// Reads an answer of at most `limit` bytes.
pub(crate) async fn read(mut response: reqwest::Response, limit: usize) -> Result<Answer, Failed> {
    let announced = response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced > limit {
        return Err(Failed::TooLong(Box::new(headed(&mut response, Bytes::new()))));
    }
    let mut body = BytesMut::with_capacity(announced.min(64 * 1024));
    while let Some(chunk) = response.chunk().await.map_err(|error| Failed::Network(error.without_url()))? {
        if body.len() + chunk.len() > limit {
            return Err(Failed::TooLong(Box::new(headed(&mut response, Bytes::new()))));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(headed(&mut response, body.freeze()))
}

/// A body under the head that it came with.
fn headed(response: &mut reqwest::Response, body: Bytes) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = response.status();
    *answer.version_mut() = response.version();
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    answer
}

/// The receipt, if there is one that can be read.
pub(crate) fn receipt(headers: &HeaderMap) -> Option<Receipt> {
    let value = headers.get(PAYMENT_RESPONSE).or_else(|| headers.get(X_PAYMENT_RESPONSE))?;
    header::decode(value.as_bytes()).ok()
}

/// Whether the seller says that it does not know, or that somebody on the way does not.
pub(crate) const fn is_unsure(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}
