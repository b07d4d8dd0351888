//! The HTTP edge itself: every answer has the same shape.

use axum::http::Method;

use crate::world::{World, ask, text};

on_both! {
    async fn unknown_routes_and_methods_answer_in_the_same_shape(world: &World) {
        for path in [
            "/x", "/api/v1/x", "/api/v1/mpp/verify", "/api/v1/organizations/my-memberships", "/api/v1/fiat/stripe/payment",
            "/api/v1/orders", "/api/v1/protocol/plans/redeem/x", "/api/v2/protocol/plans",
        ] {
            world.post(path, &world.seller, serde_json::json!({})).await.refused(404, "FBX.REQUEST.NO_ROUTE");
        }
        let answer = ask(world.router.clone(), Method::DELETE, "/api/v1/protocol/plans", &[], None).await;
        answer.refused(405, "FBX.REQUEST.METHOD");
        let allow: Vec<&str> = answer.headers["allow"].to_str().unwrap().split(',').collect();
        assert!(allow.contains(&"POST") && allow.contains(&"GET"), "{allow:?}");
        ask(world.router.clone(), Method::GET, "/api/v1/x402/settle", &[], None).await.refused(405, "FBX.REQUEST.METHOD");
    }

    async fn every_answer_has_a_request_id_and_a_version(world: &World) {
        let mut seen = std::collections::BTreeSet::new();
        for path in ["/", "/health", "/ready", "/nothing", "/api/v1/protocol/plans", "/api/v1/protocol/plans/7"] {
            let headers = [("request-id", "mine")];
            let answer = ask(world.router.clone(), Method::GET, path, &headers, None).await;
            assert!(seen.insert(answer.headers["request-id"].to_str().unwrap().to_owned()), "{path}");
            assert_eq!(answer.headers["nevermined-version"], "1.1");
            assert_eq!(answer.headers["nevermined-version-resolved-from"], "fallback");
        }
        assert!(!seen.contains("mine"));
    }

    async fn the_version_asked_for_is_the_one_there_is(world: &World) {
        let known = ask(world.router.clone(), Method::GET, "/", &[("nevermined-version", "1.1")], None).await;
        assert_eq!(known.headers["nevermined-version-resolved-from"], "header");
        assert_eq!(known.ok()["name"], "farebox");
        let unknown = ask(world.router.clone(), Method::GET, "/", &[("nevermined-version", "9.9")], None).await;
        unknown.refused(400, "BCK.VERSION.0001");
    }

    async fn health_and_readiness_are_told_apart(world: &World) {
        assert_eq!(text(&world.get_public("/health").await.ok()["status"]), "ok");
        assert_eq!(text(&world.get_public("/ready").await.ok()["status"]), "ready");
    }

    async fn a_store_that_is_closed_is_answered_503_and_says_when_to_come_back(world: &World) {
        let plan = world.ranged_plan(5).await;
        world.store.close().await;
        let answer = world.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order"), &world.buyer).await;
        answer.refused(503, "BCK.X402.0051");
        assert_eq!(answer.headers["retry-after"], "1");
        assert!(!answer.json.to_string().contains("shutting"), "internal text stays inside");
    }
}
