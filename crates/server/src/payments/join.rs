//! Answers, first and repeated.

use std::time::Duration;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use farebox_engine::payment::{Answer, Command, Request, is_known};
use farebox_store::Fault;

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

/// The answer of the request that came first under this name, as soon as there is one. If whoever made its call has died before
/// it could answer, the first who sees the outcome keeps it; what nobody knows yet is told, and not kept.
pub(super) async fn join(payments: &Payments, first: Request, replayed: bool) -> Result<Response, Failure> {
    let store = payments.store();
    let waiting = async {
        loop {
            let now = store.payment_request(first.tenant, &first.scope, &first.key).await?;
            if let Some(answer) = now.and_then(|request| request.answer) {
                return Ok(answer);
            }
            match current(payments, &first).await? {
                Standing::Known => return kept(payments, &first).await,
                Standing::Provider(answer) => return Ok(answer),
                Standing::Ours(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    let answer: Result<_, Failure> = match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(answer) => answer,
        Err(_) => match current(payments, &first).await? {
            Standing::Known => kept(payments, &first).await,
            Standing::Provider(answer) | Standing::Ours(answer) => Ok(answer),
        },
    };
    Ok(response(answer?, replayed))
}

/// Whose word is missing.
enum Standing {
    /// Nobody's: the outcome is there.
    Known,
    /// The provider's or the payer's, which may take long.
    Provider((i16, String)),
    /// That of a call of ours.
    Ours((i16, String)),
}

async fn current(payments: &Payments, first: &Request) -> Result<Standing, Failure> {
    let store = payments.store();
    let payment = store.payment(first.tenant, first.payment).await?.ok_or_else(gone)?;
    let refund = match first.refund {
        Some(id) => Some(store.refund(first.tenant, id).await?.ok_or_else(gone)?),
        None => None,
    };
    let answer = view::answer(&payment, refund.as_ref());
    Ok(match refund {
        _ if is_known(&payment, refund.as_ref()) => Standing::Known,
        None if payment.details.pending.is_none() => Standing::Provider(answer),
        _ => Standing::Ours(answer),
    })
}

/// The answer that the name stands for from now on.
async fn kept(payments: &Payments, first: &Request) -> Result<(i16, String), Failure> {
    let settle = Command::Settle { request: Box::new(first.clone()), render: view::answer };
    let settled = match payments.pay(settle).await? {
        Answer::Before(request) => request.answer,
        _ => None,
    };
    settled.ok_or_else(|| impossible("a known outcome is no answer").into())
}

fn gone() -> Fault {
    impossible("a request names a payment that is not there")
}
