//! The routes of `/v1`, and the pages beside them.

use axum::{
    Router,
    extract::Request,
    middleware::from_fn,
    routing::{MethodFilter, get, on},
};
use tower_http::catch_panic::CatchPanicLayer;

use super::{BillingSettings, checkout, desk::Desk, edge, oauth, pages, table};
use crate::{Backend, http::identified};

/// The billing API of `backend` under `/v1`, its OpenAPI document at `/openapi.json`, its pages at `/docs`, `/device` and
/// `/checkout`.
pub fn router(backend: Backend, settings: BillingSettings) -> Router {
    let desk = Desk::new(backend, settings);
    let mut routes: Router<Desk> = Router::new();
    for operation in table::operations() {
        let Ok(filter) = MethodFilter::try_from(operation.method.clone()) else { continue };
        let handler = move |axum::extract::State(desk): axum::extract::State<Desk>, request: Request| async move {
            edge::run(operation, &desk, request).await
        };
        routes = routes.route(operation.path, on(filter, handler));
    }
    let routes = routes
        .method_not_allowed_fallback(edge::wrong_method)
        .fallback(edge::no_route)
        .layer(from_fn(edge::around))
        .layer(CatchPanicLayer::custom(edge::panicked));
    let pages = Router::new()
        .route("/openapi.json", get(pages::openapi))
        .route("/config.schema.json", get(pages::config_schema))
        .route("/docs", get(pages::docs))
        .route("/device", get(oauth::page).post(oauth::decide))
        .route("/checkout/{name}", get(checkout::page).post(checkout::act));
    identified(Router::new().nest("/v1", routes).merge(pages)).with_state(desk)
}
