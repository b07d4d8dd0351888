//! Where the relay stands in an app.

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use farebox_relay::{Access, BadCsrf, BadRelay, Csrf, Relay, RelayRoute};
use http::{Method, StatusCode};

use crate::world::{PREFIX, World, by_headers, signed, upstream};

const ANN: &[(&str, &str)] = &[("x-customer", "cus_ann")];

async fn login(request: Request, next: Next) -> Response {
    if request.headers().contains_key("x-session") {
        next.run(request).await
    } else {
        StatusCode::IM_A_TEAPOT.into_response()
    }
}

#[tokio::test]
async fn an_apps_own_login_stands_before_all_but_the_public_routes() {
    let world = World::mounted(
        |relay| relay,
        |relay| Router::new().nest(PREFIX, relay.router_behind(|routes| routes.layer(from_fn(login)))),
    )
    .await;
    assert_eq!(world.get("/me", ANN).await.status, 418);
    assert_eq!(world.post("/track", ANN, "{}").await.status, 418);
    assert_eq!(world.get("/me", &[ANN[0], ("x-session", "1")]).await.status, 200);
    assert_eq!(world.get("/plans", &[]).await.status, 200);
    assert_eq!(world.get("/csrf-token", &[]).await.status, 200);
    world.get("/nowhere", &[]).await.assert_problem(404, "paylera.not_found");
}

#[tokio::test]
async fn it_stands_under_any_prefix_beside_the_apps_own_routes() {
    let world = World::mounted(
        |relay| relay,
        |relay| {
            let app =
                Router::new().route("/", get(async || "home")).fallback(async || (StatusCode::GONE, "the app's own"));
            app.nest("/shops/{shop}/billing", relay.router())
        },
    )
    .await;
    let send = async |path: &str| world.send(Method::GET, path, ANN, "").await;
    assert_eq!(send("/").await.body, "home");
    assert_eq!(send("/elsewhere").await.status, 410);
    assert_eq!(send("/shops/7/billing/me").await.json()["line"], "GET /v1/customers/cus_ann");
    send("/shops/7/billing/nowhere").await.assert_problem(404, "paylera.not_found");
    world.billing.subscribe("cus_ann", "sub_1", "active");
    let token = send("/shops/7/billing/csrf-token").await.json()["token"].as_str().unwrap().to_owned();
    let cookie = format!("paylera_csrf={token}");
    let headers = [ANN[0], ("content-type", "application/json"), ("paylera-csrf-token", &token), ("cookie", &cookie)];
    let answer = world.send(Method::POST, "/shops/7/billing/subscriptions/sub_1/cancel", &headers, "{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn a_route_can_be_closed_and_the_catalogue_can_ask_who_you_are() {
    let options = |relay: farebox_relay::RelayBuilder| {
        let relay = relay.access(RelayRoute::Attach, Access::Closed).access(RelayRoute::CheckGet, Access::Closed);
        relay.access(RelayRoute::Plans, Access::Identified)
    };
    let world = World::with(options).await;
    world.post("/attach", ANN, "{}").await.assert_problem(404, "paylera.not_found");
    world.get("/check?feature_code=a", ANN).await.assert_problem(405, "paylera.method_not_allowed");
    world.get("/plans", &[]).await.assert_problem(401, "paylera.unauthenticated");
    assert_eq!(world.get("/plans", ANN).await.status, 200);
    assert_eq!(world.billing.lines(), ["GET /v1/plans"]);
}

#[tokio::test]
async fn a_relay_that_could_not_do_its_work_is_not_built() {
    let builder = || Relay::builder(upstream("127.0.0.1:9".parse().unwrap()));
    let refused = |builder: farebox_relay::RelayBuilder| builder.build().err();
    assert_eq!(refused(builder()), Some(BadRelay::NoIdentify));
    let builder = || builder().identify(by_headers);
    assert_eq!(refused(builder()), None, "development needs no secret");
    assert_eq!(refused(builder().production(true)), Some(BadRelay::Csrf(BadCsrf::NoSecret)));
    assert_eq!(refused(builder().production(true).csrf(signed())), None);
    assert_eq!(refused(builder().allow_origin("app.example")), Some(BadRelay::Origin("app.example".to_owned())));
    let public = builder().access(RelayRoute::Me, Access::Public);
    assert_eq!(refused(public), Some(BadRelay::Public(RelayRoute::Me)));
    assert_eq!(refused(builder().csrf(Csrf::off()).production(true)), None, "whoever switches it off means it");
}
