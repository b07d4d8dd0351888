//! A buyer's backend: mints tokens as the wire says, or answers every call as told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use farebox_x402::{
    AccessToken, Authorization, TokenPayload,
    credits::{ErrorBody, PermissionAnswer, PermissionRequest},
    header,
};

use crate::KEY;

#[derive(Clone)]
pub(crate) struct Backend {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<PermissionRequest>>>,
    always: Option<(u16, String)>,
}

impl Backend {
    /// One that mints.
    pub(crate) async fn start() -> Self {
        Self::serve(None).await
    }

    /// One that gives the same answer to every call.
    pub(crate) async fn answering(status: u16, body: impl Into<String>) -> Self {
        Self::serve(Some((status, body.into()))).await
    }

    async fn serve(always: Option<(u16, String)>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let backend = Self { address: listener.local_addr().unwrap(), asked: Arc::default(), always };
        let app = Router::new().route("/api/v1/x402/permissions", post(permissions)).with_state(backend.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        backend
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every call so far; on a minting backend, every token.
    pub(crate) fn asked(&self) -> Vec<PermissionRequest> {
        self.asked.lock().unwrap().clone()
    }
}

async fn permissions(
    State(backend): State<Backend>,
    headers: HeaderMap,
    Json(request): Json<PermissionRequest>,
) -> Response {
    if headers["authorization"] != format!("Bearer {KEY}") || headers["nevermined-version"] != "1.1" {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let number = {
        let mut asked = backend.asked.lock().unwrap();
        asked.push(request.clone());
        asked.len()
    };
    if let Some((status, body)) = backend.always {
        return (StatusCode::from_u16(status).unwrap(), body).into_response();
    }
    let single_use = request.token_version == Some(3);
    if single_use && (request.resource.is_none() || request.accepted.extra.http_verb.is_none()) {
        let error = ErrorBody { code: "BCK.X402.0012".into(), message: "resource and verb needed".into(), hint: None };
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    Json(PermissionAnswer { access_token: token(number, &request, single_use) }).into_response()
}

/// A token as the wire has it; a number in place of a signature tells tokens apart.
fn token(number: usize, request: &PermissionRequest, single_use: bool) -> String {
    let authorization = Authorization {
        from: format!("0x{:040}", 1),
        session_keys_provider: "farebox".into(),
        session_keys: Vec::new(),
        nonce: single_use.then(|| format!("0x{number:064x}")),
    };
    header::encode_token(&AccessToken {
        x402_version: 2,
        resource: request.resource.clone(),
        accepted: request.accepted.clone(),
        payload: TokenPayload { signature: format!("0x{number:02x}"), authorization },
        extensions: None,
    })
}
