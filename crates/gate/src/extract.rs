//! The payment as an axum extractor.

use axum::{
    Json,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use serde_json::json;

use crate::context::PaymentContext;

/// A handler that wants a payment stands on a route that no gate charges: a mistake in the router, answered 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this route is not behind a gate, so there is no payment to look at")]
pub struct NotGated;

impl IntoResponse for NotGated {
    fn into_response(self) -> Response {
        tracing::error!("{self}: layer a farebox gate on it, or take `Option<PaymentContext>`");
        let body = json!({"error": "Internal Server Error", "message": self.to_string()});
        (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PaymentContext {
    type Rejection = NotGated;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NotGated> {
        parts.extensions.get().cloned().ok_or(NotGated)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for PaymentContext {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get().cloned())
    }
}
