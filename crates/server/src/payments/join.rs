//! Answers, first and repeated.

use std::time::Duration;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use farebox_engine::payment::{RefundState, Request};

use super::{Payments, view};
use crate::refusal::{Failure, impossible};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// How long a repeat waits for the first request's end.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(40);

/// An answer with its body; a 202 says when to look again.
pub(super) fn response((status, body): (i16, String), replayed: bool) -> Response {
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if status == StatusCode::ACCEPTED {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// The answer of the request that came first under this name, as soon as there is one.
pub(super) async fn join(payments: &Payments, first: Request, replayed: bool) -> Result<Response, Failure> {
    let store = payments.store();
    let waiting = async {
        loop {
            let now = store.payment_request(first.tenant, &first.scope, &first.key).await?;
            if let Some(answer) = now.and_then(|request| request.answer) {
                return Ok(answer);
            }
            let (answer, over) = current(payments, &first).await?;
            if over {
                return Ok(answer);
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let answer: Result<_, Failure> = match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(answer) => answer,
        Err(_) => current(payments, &first).await.map(|(answer, _)| answer),
    };
    Ok(response(answer?, replayed))
}

/// How things stand, and whether the call is over: its caller may have died before it could say so.
async fn current(payments: &Payments, first: &Request) -> Result<((i16, String), bool), Failure> {
    let store = payments.store();
    let gone = || impossible("a request names a payment that is not there");
    let payment = store.payment(first.tenant, first.payment).await?.ok_or_else(gone)?;
    let refund = match first.refund {
        Some(id) => Some(store.refund(first.tenant, id).await?.ok_or_else(gone)?),
        None => None,
    };
    let over = match &refund {
        Some(refund) => refund.state != RefundState::Pending,
        None => payment.details.pending.is_none(),
    };
    Ok((view::answer(&payment, refund.as_ref()), over))
}
