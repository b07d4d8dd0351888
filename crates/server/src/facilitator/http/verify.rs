//! `POST /verify`.

use std::time::Instant;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use farebox_x402::facilitation::{Request, VerifyResponse};

use super::{
    Admitted, Denial, Edge,
    denial::Face,
    metrics::{End, Verb},
    router::MAX_BODY,
};
use crate::keys::Scope;

/// Whether a payment would settle now: 200 either way, with a reason if not.
pub(super) async fn verify(
    State(edge): State<Edge>,
    Extension(caller): Extension<Admitted>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match verified(&edge, &caller, body).await {
        Ok(answer) => Json(answer).into_response(),
        Err(denial) => denial.answer(Face::Verify),
    }
}

async fn verified(
    edge: &Edge,
    caller: &Admitted,
    body: Result<Bytes, BytesRejection>,
) -> Result<VerifyResponse, Denial> {
    caller.may(Scope::Verify)?;
    let request = read(body)?;
    let begun = Instant::now();
    let answer = edge.facilitating().verify(&request).await;
    let end = match &answer {
        Ok(answer) if answer.is_valid => End::Success,
        Ok(_) => End::Failure,
        Err(_) => End::Error,
    };
    edge.metrics().ended(Verb::Verify, &request, end, begun.elapsed());
    Ok(answer?)
}

/// The body, whatever content type it says it has: nothing here acts for who merely visits a page, so a form that a browser
/// sends blindly gains nothing, and the documented `curl` calls send no JSON content type.
pub(super) fn read(body: Result<Bytes, BytesRejection>) -> Result<Request, Denial> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Denial::TooLarge(MAX_BODY),
        _ => Denial::NoBody,
    })?;
    Request::read(&body).map_err(Denial::Malformed)
}
