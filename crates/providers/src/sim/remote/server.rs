//! The simulated provider over HTTP/1.1, with the power to break a connection instead of answering.

use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use farebox_types::Secret;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::{Failing, PayPage, Remote, methods};
use crate::sim::types::{Answer, Ask, SimDispute, SimError};

const MAX_BODY: usize = 64 * 1024;
/// Longer than any client waits.
const FOR_EVER: Duration = Duration::from_secs(120);

/// Serves the provider's API to whoever shows `key`, and the hosted page to everybody, until `stop`.
///
/// # Errors
/// The listener breaks.
pub async fn serve(
    listener: TcpListener,
    remote: Arc<Remote>,
    key: Secret,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let key = Arc::new(key);
    let mut stop = pin!(stop);
    loop {
        let stream = tokio::select! {
            () = &mut stop => return Ok(()),
            accepted = listener.accept() => accepted?.0,
        };
        tokio::spawn(connection(stream, Arc::clone(&remote), Arc::clone(&key)));
    }
}

async fn connection(stream: TcpStream, remote: Arc<Remote>, key: Arc<Secret>) {
    let service = service_fn(move |request| {
        let (remote, key) = (Arc::clone(&remote), Arc::clone(&key));
        async move { answer(&remote, &key, request).await }
    });
    let served = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!("a connection ended: {error}");
    }
}

/// The connection is to be broken.
#[derive(Debug, thiserror::Error)]
#[error("reset as asked for")]
struct Reset;

type Told = Result<Response<Full<Bytes>>, Reset>;

/// A request with its body read.
struct Asked {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Bytes,
}

async fn answer(remote: &Remote, key: &Secret, request: Request<Incoming>) -> Told {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return Ok(error(413, &SimError::new("invalid_request", "the body is too long")));
    };
    let (path, query) = (head.uri.path().to_owned(), head.uri.query().unwrap_or_default().to_owned());
    let asked = Asked { method: head.method, path, query, headers: head.headers, body: body.to_bytes() };
    if let Some(id) = asked.path.strip_prefix("/sim/pay/") {
        let form = (asked.method == Method::POST).then_some(&asked.body[..]);
        return Ok(page(remote.pay_page(id, form)));
    }
    let bearer = asked.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !bearer.and_then(|value| value.strip_prefix("Bearer ")).is_some_and(|shown| key.matches(shown)) {
        return Ok(error(401, &SimError::new("unauthorized", "this key is not known")));
    }
    match asked.method {
        Method::GET => Ok(read(remote, &asked)),
        Method::POST => write(remote, &asked).await,
        _ => Ok(error(405, &SimError::new("invalid_request", "GET or POST"))),
    }
}

fn read(remote: &Remote, asked: &Asked) -> Response<Full<Bytes>> {
    let parameter = |name: &str| {
        let mut all = form_urlencoded::parse(asked.query.as_bytes());
        all.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let path: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
    match path[..] {
        ["v1", "sim", "methods"] => json(200, &json!({"data": methods()})),
        ["v1", "payments"] => {
            let since = parameter("since").and_then(|text| text.parse().ok()).unwrap_or(0);
            json(200, &remote.list(since, parameter("after").as_deref()))
        }
        ["v1", "payments", id] => found(remote.payment(id)),
        ["v1", "payments", id, "charges"] => json(200, &json!({"data": remote.payments_of(id)})),
        ["v1", "payments", id, "refunds", refund] => found(remote.refund(id, refund)),
        _ => not_found(),
    }
}

async fn write(remote: &Remote, asked: &Asked) -> Told {
    let path: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
    let payment = |id: &str| id.to_owned();
    let ask = match path[..] {
        ["v1", "payments"] => parse(&asked.body).map(Ask::Create),
        ["v1", "payments", id, "confirm"] => Some(Ask::Confirm { payment: payment(id) }),
        ["v1", "payments", id, "cancel"] => Some(Ask::Cancel { payment: payment(id) }),
        ["v1", "payments", id, "capture"] => {
            minor(&asked.body).map(|(minor, _)| Ask::Capture { payment: payment(id), minor })
        }
        ["v1", "payments", id, "refunds"] => {
            minor(&asked.body).map(|(minor, our_refund)| Ask::Refund { payment: payment(id), our_refund, minor })
        }
        ["v1", "payments", id, "disputes"] => return Ok(dispute(remote, id, &asked.body)),
        _ => return Ok(not_found()),
    };
    let key = asked.headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let (Some(ask), Some(key)) = (ask, key.filter(|key| !key.is_empty())) else {
        return Ok(error(400, &SimError::new("invalid_request", "a write needs a body and an Idempotency-Key")));
    };
    match remote.call(key, &ask).await {
        Ok(Answer::Payment(payment)) => Ok(json(200, &payment)),
        Ok(Answer::Refund(refund)) => Ok(json(200, &refund)),
        Ok(Answer::Error(refused)) => Ok(error(status(&refused), &refused)),
        Err(Failing::Status) => Ok(error(500, &SimError::new("internal", "something went wrong"))),
        Err(Failing::Reset) => Err(Reset),
        Err(Failing::Hang) => {
            tokio::time::sleep(FOR_EVER).await;
            Err(Reset)
        }
    }
}

fn dispute(remote: &Remote, id: &str, body: &[u8]) -> Response<Full<Bytes>> {
    let body = parse::<Value>(body).unwrap_or_default();
    let status = serde_json::from_value::<SimDispute>(body["status"].clone());
    match remote.dispute_of(id, status.unwrap_or(SimDispute::Open), body["minor"].as_i64()) {
        Ok(payment) => json(200, &payment),
        Err(refused) => error(404, &refused),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

fn minor(body: &[u8]) -> Option<(i64, String)> {
    let body: Value = parse(body)?;
    Some((body["minor"].as_i64()?, body["our_refund"].as_str().unwrap_or_default().to_owned()))
}

fn status(refused: &SimError) -> u16 {
    match refused.code.as_str() {
        "card_declined" => 402,
        "not_found" => 404,
        "idempotency_error" => 409,
        _ => 400,
    }
}

fn found<T: Serialize>(found: Option<T>) -> Response<Full<Bytes>> {
    found.map_or_else(not_found, |found| json(200, &found))
}

fn not_found() -> Response<Full<Bytes>> {
    error(404, &SimError::new("not_found", "there is nothing here"))
}

fn error(status: u16, error: &SimError) -> Response<Full<Bytes>> {
    json(status, &json!({"error": error}))
}

fn json<T: Serialize>(status: u16, value: &T) -> Response<Full<Bytes>> {
    response(status, "application/json", None, serde_json::to_vec(value).unwrap_or_default())
}

fn page(page: PayPage) -> Response<Full<Bytes>> {
    response(page.status, "text/html; charset=utf-8", page.location, page.html.into_bytes())
}

fn response(status: u16, content_type: &'static str, location: Option<String>, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    let location = location.and_then(|url| http::HeaderValue::from_str(&url).ok());
    if let Some(url) = location {
        response.headers_mut().insert(header::LOCATION, url);
    }
    response
}
