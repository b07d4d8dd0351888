//! A body's outside: its type, its size.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use crate::problem::Refusal;

/// The most that a body may hold.
pub(crate) const LIMIT: usize = 64 * 1024;

/// `application/json`, in UTF-8 if it says so, not compressed, and not announced as too large.
pub(crate) fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(media_type), None) = (types.next(), types.next()) else { return Err(Refusal::WrongMediaType) };
    if !media_type.to_str().is_ok_and(is_json) || headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Refusal::WrongMediaType);
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > LIMIT) { Err(Refusal::TooLarge) } else { Ok(()) }
}

fn is_json(media_type: &str) -> bool {
    let mut parts = media_type.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let utf8 = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if name.eq_ignore_ascii_case("charset") => {
            value.trim_matches('"').eq_ignore_ascii_case("utf-8")
        }
        _ => true,
    };
    json && parts.all(utf8)
}

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The whole body, as long as it is small enough and comes in time.
pub(crate) async fn read(body: Body) -> Result<Bytes, Refusal> {
    read_within(PATIENCE, body).await
}

async fn read_within(patience: Duration, body: Body) -> Result<Bytes, Refusal> {
    let body = timeout(patience, Limited::new(body, LIMIT).collect()).await.map_err(|_| Refusal::TooSlow)?;
    let body =
        body.map_err(|error| if error.is::<LengthLimitError>() { Refusal::TooLarge } else { Refusal::Unreadable })?;
    Ok(body.to_bytes())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn checked(headers: &[(HeaderName, &'static str)]) -> Result<(), Refusal> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        check_media_type(&headers.fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value);
            all
        }))
    }

    #[test]
    fn json_in_utf8_is_the_one_type() {
        for good in ["application/json", "Application/JSON; charset=UTF-8", "application/json;charset=\"utf-8\""] {
            assert_eq!(checked(&[(header::CONTENT_TYPE, good)]), Ok(()), "{good}");
        }
        for odd in ["text/plain", "application/json; charset=utf-16", "application/x-www-form-urlencoded", "", "json"] {
            assert_eq!(checked(&[(header::CONTENT_TYPE, odd)]), Err(Refusal::WrongMediaType), "{odd}");
        }
        assert_eq!(checked(&[]), Err(Refusal::WrongMediaType));
        let json = (header::CONTENT_TYPE, "application/json");
        assert_eq!(checked(&[json.clone(), json.clone()]), Err(Refusal::WrongMediaType));
        assert_eq!(checked(&[json.clone(), (header::CONTENT_ENCODING, "gzip")]), Err(Refusal::WrongMediaType));
        assert_eq!(checked(&[json.clone(), (header::CONTENT_LENGTH, "65536")]), Ok(()));
        assert_eq!(checked(&[json, (header::CONTENT_LENGTH, "65537")]), Err(Refusal::TooLarge));
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        assert_eq!(read(Body::from(vec![b' '; LIMIT])).await.unwrap().len(), LIMIT);
        assert_eq!(read(Body::from(vec![b' '; LIMIT + 1])).await, Err(Refusal::TooLarge));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_refused() {
        let broken = axum::body::Body::from_stream(Broken);
        assert_eq!(read(broken).await, Err(Refusal::Unreadable));
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let silent = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(read_within(Duration::from_millis(5), silent).await, Err(Refusal::TooSlow));
    }

    struct Broken;

    impl futures_util::Stream for Broken {
        type Item = Result<Bytes, std::io::Error>;

        fn poll_next(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            std::task::Poll::Ready(Some(Err(std::io::ErrorKind::UnexpectedEof.into())))
        }
    }
}
