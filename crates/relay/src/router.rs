//! The relay as axum routes.

use axum::{
    Router,
    extract::{RawPathParams, Request, rejection::RawPathParamsRejection},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};

use crate::{
    problem::Refusal,
    relay::Relay,
    route::{Access, RelayRoute},
};

/// What the relay answers to a path that is not on its list; for apps that want the same outside of it.
pub async fn not_found() -> Response {
    Refusal::NotFound.into_response()
}

impl Relay {
    /// The routes, to be nested under any prefix: `Router::new().nest("/api/paylera", relay.router())`.
    ///
    /// A path that is not on the list is 404, a wrong method 405, both with a problem document.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        self.router_behind(|routes| routes)
    }

    /// The routes, with the app's own layer around those that need a caller; public ones, such as `/plans`, stay outside of
    /// it: `relay.router_behind(|routes| routes.layer(require_login))`.
    pub fn router_behind<S: Clone + Send + Sync + 'static>(
        &self,
        layered: impl FnOnce(Router<S>) -> Router<S>,
    ) -> Router<S> {
        let refused = async || Refusal::MethodNotAllowed;
        let routes = |access| {
            let routes = RelayRoute::ALL.into_iter().filter(move |route| self.access(*route) == access);
            let add = |router: Router<S>, route: RelayRoute| router.route(route.path(), self.method_router(route));
            routes.fold(Router::new(), add)
        };
        let private = layered(routes(Access::Identified));
        let all = private.merge(routes(Access::Public));
        all.method_not_allowed_fallback(refused).fallback(not_found)
    }

    fn method_router<S: Clone + Send + Sync + 'static>(&self, route: RelayRoute) -> MethodRouter<S> {
        let relay = self.clone();
        let filter = if route.changes() { MethodFilter::POST } else { MethodFilter::GET };
        on(filter, move |params: Result<RawPathParams, RawPathParamsRejection>, request: Request| {
            let relay = relay.clone();
            async move {
                // Not UTF-8: no id of ours.
                let Ok(params) = params else { return Refusal::NotFound.into_response() };
                let id = params.iter().find(|(name, _)| *name == "subscription_id").map(|(_, id)| id);
                relay.serve(route, id, request).await
            }
        })
    }
}
