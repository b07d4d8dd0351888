//! The common design: each request looks up its customer, then locks, decides, writes and commits by itself. It keeps what
//! ours keeps, on the same schema: accounts, transfers, the event, the audit line, the outbox line.

use std::{future::Future, sync::Arc};

use anyhow::bail;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use farebox_store::{Database, DatabaseUrl};
use farebox_types::SystemClock;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    each_postgres::Postgres,
    each_sqlite::Sqlite,
    schema::{Shop, Used},
    subject::{ANSWER, customers},
};

/// A database that takes one use at a time.
trait Each: Send + Sync + 'static {
    /// True if it was taken.
    fn take(&self, used: Used) -> impl Future<Output = anyhow::Result<bool>> + Send;
}

impl Each for Postgres {
    async fn take(&self, used: Used) -> anyhow::Result<bool> {
        self.take(used).await
    }
}

impl Each for Sqlite {
    async fn take(&self, used: Used) -> anyhow::Result<bool> {
        self.take(used).await
    }
}

pub(super) async fn router(database: &str) -> anyhow::Result<Router> {
    let url: DatabaseUrl = database.parse()?;
    let store = Database::open(&url, Arc::new(SystemClock)).await?;
    store.migrate().await?;
    store.close().await;
    let shop = Shop::new();
    let ids = shop.customers.iter().map(Uuid::to_string).collect();
    let routes = if database.starts_with("postgres") {
        routes(Postgres::open(database, &shop).await?)
    } else if let Some(path) = database.strip_prefix("sqlite:") {
        routes(Sqlite::open(path, &shop)?)
    } else {
        bail!("neither sqlite: nor postgres:")
    };
    Ok(routes.merge(customers(ids)))
}

#[derive(Deserialize)]
struct Body {
    customer_id: Uuid,
    feature_code: String,
    value: u32,
}

fn routes<E: Each>(each: E) -> Router {
    let each = Arc::new(each);
    Router::new().route("/v1/track", post(track::<E>)).route("/v1/consume", post(consume::<E>)).with_state(each)
}

async fn track<E: Each>(State(each): State<Arc<E>>, headers: HeaderMap, body: Json<Body>) -> Response {
    taken(&*each, &headers, body, StatusCode::NO_CONTENT.into_response()).await
}

async fn consume<E: Each>(State(each): State<Arc<E>>, headers: HeaderMap, body: Json<Body>) -> Response {
    let answer = ([(CONTENT_TYPE, "application/json")], Bytes::from_static(ANSWER.as_bytes()));
    taken(&*each, &headers, body, answer.into_response()).await
}

async fn taken(each: &impl Each, headers: &HeaderMap, Json(body): Json<Body>, answer: Response) -> Response {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).and_then(|key| key.parse().ok());
    let Some(key) = key else { return StatusCode::BAD_REQUEST.into_response() };
    let used = Used { customer: body.customer_id, feature: body.feature_code, value: body.value.into(), key };
    match each.take(used).await {
        Ok(true) => answer,
        Ok(false) => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
