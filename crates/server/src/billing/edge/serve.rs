//! The way of a request: version, token, scope, limit, key, body; the verb; the answer, stored where it is to be repeated.

use std::{
    any::Any,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::{
    RequestExt,
    body::{Body, Bytes},
    extract::{ConnectInfo, RawPathParams, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use farebox_api::{API_VERSION, ProblemCode};
use farebox_engine::ledger::Actor;
use farebox_store::ApiToken;
use farebox_types::{IdempotencyKey, Mode};

use super::{Call, Denial, Reply};
use crate::{
    billing::{
        desk::Desk,
        operation::{Access, Keyed, Operation},
    },
    keys::Scopes,
};

const MAX_BODY: usize = 1024 * 1024;
const DEADLINE: Duration = Duration::from_secs(25);
const VERSION: HeaderName = HeaderName::from_static("paylera-api-version");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";
const KEY: &str = "idempotency-key";
const REQUEST_ID: &str = "request-id";

/// Surrounds every route of `/v1`: a deadline and the version.
pub(in crate::billing) async fn around(request: Request, next: Next) -> Response {
    let (path, id) = (original_path(&request), request_id(request.headers()));
    let asked = request.headers().get(VERSION).cloned();
    let mut answer = match asked {
        Some(asked) if asked != API_VERSION => {
            let detail = format!("this server speaks {API_VERSION} only");
            refused(&Denial::new(ProblemCode::UnknownApiVersion, detail), &path, &id)
        }
        _ => match tokio::time::timeout(DEADLINE, next.run(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                tracing::error!("a request was not answered in time");
                let detail = "it may have happened: repeat the request with the same Idempotency-Key to find out";
                let wait = Some(Duration::from_secs(1));
                refused(&Denial { wait, ..Denial::new(ProblemCode::Unavailable, detail) }, &path, &id)
            }
        },
    };
    answer.headers_mut().insert(VERSION, HeaderValue::from_static(API_VERSION));
    answer
}

/// The answer to a path that is no route.
pub(in crate::billing) async fn no_route(request: Request) -> Response {
    let denial = Denial::not_found("endpoint");
    refused(&denial, original_path(&request).as_str(), &request_id(request.headers()))
}

/// The answer to a method that a route does not take.
pub(in crate::billing) async fn wrong_method(request: Request) -> Response {
    let denial = Denial::new(ProblemCode::MethodNotAllowed, "this endpoint does not take that method");
    refused(&denial, original_path(&request).as_str(), &request_id(request.headers()))
}

/// Runs `operation` for a request.
pub(in crate::billing) async fn run(operation: &'static Operation, desk: &Desk, request: Request) -> Response {
    let (path, id) = (original_path(&request), request_id(request.headers()));
    match answer(operation, desk, request, &path, &id).await {
        Ok(reply) => {
            // Refusals that are an operation's own answers are not problems: OAuth has another shape.
            let own = operation.answers.iter().any(|(status, _)| *status == reply.status);
            encoded(reply, if own { JSON } else { PROBLEM })
        }
        Err(denial) => refused(&denial, &path, &id),
    }
}

async fn answer(
    operation: &'static Operation,
    desk: &Desk,
    mut request: Request,
    path: &str,
    id: &str,
) -> Result<Reply, Denial> {
    if operation.access == Access::Public {
        desk.take_from(peer(&request))?;
    }
    let caller = authorised(operation, desk, request.headers()).await?;
    let key = key(operation, request.headers())?;
    let segments = match request.extract_parts::<RawPathParams>().await {
        Ok(params) => params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        Err(_) => return Err(Denial::not_found("thing with such a name")),
    };
    let representation = prefers(request.headers(), "return=representation");
    let (method, query) = (request.method().clone(), query(request.uri())?);
    let body = body(request).await?;
    let call = Call {
        tenant: caller.tenant,
        mode: caller.mode,
        scopes: caller.scopes,
        actor: caller.actor,
        method,
        path: path.to_owned(),
        segments,
        query,
        body,
        key,
        representation,
        request_id: id.to_owned(),
        at: desk.backend.now(),
    };
    named(operation, desk, &call).await
}

/// Runs the verb under the caller's key: a request that was answered before is answered as it was then.
async fn named(operation: &'static Operation, desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let remembers = call.key.is_some() && !operation.keyed.is_itself() && !call.method.is_safe();
    if remembers && let Some(reply) = desk.answered(call).await? {
        return Ok(reply);
    }
    let done = (operation.verb)(desk, call).await;
    match done {
        Err(denial) if remembers && (400..500).contains(&denial.code.status()) && is_final(denial.code) => {
            let problem = denial.problem(&call.path, &call.request_id);
            let reply = Reply::with(denial.code.status(), &problem)?;
            desk.remember(call, reply).await
        }
        done => done,
    }
}

/// What another try of the same request might find otherwise is not kept.
const fn is_final(code: ProblemCode) -> bool {
    !matches!(
        code,
        ProblemCode::Conflict
            | ProblemCode::IdempotencyConflict
            | ProblemCode::IdempotencyInProgress
            | ProblemCode::PreconditionFailed
            | ProblemCode::RateLimited
    )
}

/// Whether a preference (RFC 7240) is among those that were said, whatever is said about it.
fn prefers(headers: &HeaderMap, wanted: &str) -> bool {
    let texts = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let said = texts.flat_map(|text| text.split(',')).filter_map(|one| one.split(';').next());
    said.into_iter().any(|one| one.trim().eq_ignore_ascii_case(wanted))
}

/// Who is connected: a proxy, where there is one.
fn peer(request: &Request) -> IpAddr {
    let connected = request.extensions().get::<ConnectInfo<SocketAddr>>();
    connected.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip())
}

struct Caller {
    tenant: farebox_types::Id<farebox_types::Merchant>,
    mode: Mode,
    scopes: Scopes,
    actor: Actor,
}

async fn authorised(operation: &Operation, desk: &Desk, headers: &HeaderMap) -> Result<Caller, Denial> {
    let Access::Scope(scope) = operation.access else { return Ok(nobody()) };
    let text = bearer(headers).ok_or_else(unauthenticated)?;
    let token = desk.backend.token_in_force(text).await?.ok_or_else(unauthenticated)?;
    desk.take(&token)?;
    let scopes = Scopes::read(&token.scopes);
    if !scopes.allow(scope) {
        let detail = format!("this token does not have the scope {scope}");
        return Err(Denial::new(ProblemCode::Forbidden, detail));
    }
    let ApiToken { tenant, id, .. } = *token;
    let mode = if text.starts_with("pl_live_") { Mode::Live } else { Mode::Test };
    Ok(Caller { tenant, mode, scopes, actor: Actor::new(id.to_string()) })
}

/// Who asks where no token is needed: nothing that is a tenant's can be reached as this.
fn nobody() -> Caller {
    let tenant = farebox_types::Id::from_uuid(uuid::Uuid::nil());
    Caller { tenant, mode: Mode::Test, scopes: Scopes::default(), actor: Actor::new("nobody") }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

fn unauthenticated() -> Denial {
    Denial::new(
        ProblemCode::Unauthenticated,
        "a token is needed: send `Authorization: Bearer pl_test_…` or `pl_live_…`",
    )
}

fn key(operation: &Operation, headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Denial> {
    let Some(value) = headers.get(KEY) else {
        return match operation.keyed {
            Keyed::Required | Keyed::RequiredItself => {
                Err(Denial::new(ProblemCode::IdempotencyKeyRequired, "this request needs an Idempotency-Key header"))
            }
            Keyed::Optional | Keyed::Itself => Ok(None),
        };
    };
    let key = value.to_str().ok().and_then(|text| text.parse().ok());
    let bad =
        || Denial::new(ProblemCode::InvalidIdempotencyKey, "Idempotency-Key must be 1 to 255 visible ASCII characters");
    key.map(Some).ok_or_else(bad)
}

fn query(uri: &Uri) -> Result<Vec<(String, String)>, Denial> {
    let bad = |_| Denial::parameter("the query", "name=value pairs in UTF-8");
    axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri).map(|query| query.0).map_err(bad)
}

async fn body(request: Request) -> Result<Bytes, Denial> {
    let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
    let body: Body = request.into_body();
    let bytes = axum::body::to_bytes(body, MAX_BODY).await.map_err(|error| {
        // Either it is longer than it may be, or whoever sends it stopped.
        let too_long =
            std::error::Error::source(&error).is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
        match too_long {
            true => Denial::new(ProblemCode::TooLarge, "the body is longer than 1048576 bytes"),
            false => Denial::new(ProblemCode::Malformed, "the body did not arrive"),
        }
    })?;
    let declared = |value: &HeaderValue| {
        let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
        ["application/json", "application/x-www-form-urlencoded"]
            .iter()
            .any(|known| essence.eq_ignore_ascii_case(known))
    };
    if !bytes.is_empty() && !content_type.as_ref().is_some_and(declared) {
        let detail = "send the body with Content-Type: application/json";
        return Err(Denial::new(ProblemCode::UnsupportedMediaType, detail));
    }
    Ok(bytes)
}

fn encoded(reply: Reply, kind: &'static str) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = if reply.body.is_empty() {
        status.into_response()
    } else {
        (status, [(header::CONTENT_TYPE, kind)], reply.body).into_response()
    };
    if reply.replayed {
        answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn refused(denial: &Denial, path: &str, request_id: &str) -> Response {
    let problem = denial.problem(path, request_id);
    let body = serde_json::to_string(&problem).unwrap_or_default();
    let mut answer = encoded(Reply { status: denial.code.status(), body, replayed: false }, PROBLEM);
    if let Some(wait) = denial.wait {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
    }
    if denial.code == ProblemCode::Unauthenticated {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}

/// The answer to a panic, whose text stays in the log.
#[expect(clippy::needless_pass_by_value, reason = "the panic layer hands it over")]
pub(in crate::billing) fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = text.unwrap_or("unknown"), "a request handler panicked");
    refused(&Denial::new(ProblemCode::Internal, "something broke in this server; its log says what"), "", "")
}

fn original_path(request: &Request) -> String {
    let original = request.extensions().get::<axum::extract::OriginalUri>();
    original.map_or_else(|| request.uri().path(), |uri| uri.0.path()).to_owned()
}

fn request_id(headers: &HeaderMap) -> String {
    headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned()
}
