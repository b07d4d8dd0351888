//! The tools over streamable HTTP: whoever calls brings a token of their own, and may do what that may.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header, request::Parts},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use farebox_types::Secret;
use rmcp::{
    RoleServer,
    service::RequestContext,
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
    },
};
use serde_json::json;
use tokio::net::TcpListener;

use super::Agents;
use crate::{commands::signals::told_to_stop, failure::failure, output::Output};

/// No call is larger.
const MAX_BODY: usize = 64 * 1024;

/// Serves until told to stop. Nothing is kept between two requests, so any number of processes may serve the same agents.
pub(super) async fn serve(agents: Agents, listen: SocketAddr, hosts: &[String], output: &Output) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen).await;
    let listener = listener.map_err(|error| {
        failure(format!("cannot listen on {listen}: {error}"), "choose another address with --listen")
    })?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    let mut config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        // No page in a browser has anything to do here.
        .enforce_origin_validation();
    config.allowed_hosts.extend_from_slice(hosts);
    config.max_request_body_bytes = MAX_BODY;
    let service =
        StreamableHttpService::new(move || Ok(agents.clone()), Arc::new(LocalSessionManager::default()), config);
    let routes = Router::new().nest_service("/mcp", service).layer(from_fn(with_a_token));
    output.answer(format!("MCP tools at {url}"), &json!({"listening": url}));
    axum::serve(listener, routes).with_graceful_shutdown(told_to_stop()).await?;
    Ok(())
}

async fn with_a_token(request: Request, next: Next) -> Response {
    match bearer(request.headers()) {
        Some(_) => next.run(request).await,
        None => (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response(),
    }
}

/// The token of whoever calls.
pub(super) fn token_of(context: &RequestContext<RoleServer>) -> Option<Secret> {
    bearer(&context.extensions.get::<Parts>()?.headers)
}

fn bearer(headers: &axum::http::HeaderMap) -> Option<Secret> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    let given = scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= 512;
    given.then(|| Secret::new(token.to_owned()))
}
