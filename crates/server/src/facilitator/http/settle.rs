//! `POST /settle`.

use std::time::Instant;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};
use farebox_x402::facilitation::SettleResponse;

use super::{
    Admitted, Denial, Edge,
    denial::Face,
    metrics::{End, Verb},
    verify::read,
};
use crate::{
    facilitator::{CallerName, SettleFailure, Settled},
    keys::Scope,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("x-idempotency-replayed");
/// Longer names are refused.
const MAX_NAME: usize = 64;

/// Settles a payment, once: 200 whether it settled, was refused, or is on its way.
pub(super) async fn settle(
    State(edge): State<Edge>,
    Extension(caller): Extension<Admitted>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match Box::pin(settled(&edge, &caller, &headers, body)).await {
        Ok(Settled { response, replayed }) => {
            let mut answer = Json(response).into_response();
            if replayed {
                answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            }
            answer
        }
        Err((denial, network)) => denial.answer_on(Face::Settle, &network),
    }
}

/// The answer, or what is wrong and the network it is about, if that is known.
async fn settled(
    edge: &Edge,
    caller: &Admitted,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Settled, (Denial, String)> {
    let nowhere = |denial| (denial, String::new());
    caller.may(Scope::Settle).map_err(nowhere)?;
    let name = name(headers).map_err(nowhere)?;
    let request = read(body).map_err(nowhere)?;
    let name = name.map(|name| CallerName { scope: caller.scope(), name });
    let begun = Instant::now();
    let answer = edge.facilitating().settle(request.clone(), name).await;
    edge.metrics().ended(Verb::Settle, &request, end(&answer), begun.elapsed());
    answer.map_err(|failure| {
        let denial = match failure {
            SettleFailure::Conflict => Denial::NameReused,
            SettleFailure::Trouble(trouble) => trouble.into(),
        };
        (denial, request.requirements.network)
    })
}

fn end(answer: &Result<Settled, SettleFailure>) -> End {
    match answer {
        Ok(Settled { response: SettleResponse { success: true, .. }, .. }) => End::Success,
        Ok(settled) if settled.response.error_reason.as_deref() == Some("settlement_pending") => End::Pending,
        Ok(_) | Err(SettleFailure::Conflict) => End::Failure,
        Err(SettleFailure::Trouble(_)) => End::Error,
    }
}

/// The caller's name for this settlement.
fn name(headers: &HeaderMap) -> Result<Option<String>, Denial> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let text = value.to_str().unwrap_or_default();
    let good = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(plain) && values.next().is_none();
    if good { Ok(Some(text.to_owned())) } else { Err(Denial::BadName) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(values: &[&[u8]]) -> Result<Option<String>, Denial> {
        let value = |value: &&[u8]| (IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
        name(&values.iter().map(value).collect())
    }

    #[test]
    fn a_name_has_up_to_64_plain_characters() {
        let longest = [b'a'; 64];
        for good in [&b"a"[..], b"A-z_09", &longest] {
            assert_eq!(named(&[good]).unwrap().unwrap().as_bytes(), good);
        }
        assert_eq!(named(&[]).unwrap(), None);
        for bad in [&b""[..], &[b'a'; 65], b"a b", b"a.b", b"a/b", "\u{e9}".as_bytes(), "\u{661}".as_bytes()] {
            assert!(matches!(named(&[bad]), Err(Denial::BadName)), "{bad:?}");
        }
    }

    #[test]
    fn two_names_are_none() {
        assert!(matches!(named(&[b"a", b"b"]), Err(Denial::BadName)));
    }
}
