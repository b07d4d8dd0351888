//! What the endpoints answer, and what surrounds every answer.

use axum::{Router, body::Body, http::Method};
use farebox_server::{facilitator::FacilitatorOptions, router as backend_router};
use serde_json::json;

use super::door::{call, door, get, payment, post};
use crate::{spans::LOG, world::World};

fn open() -> FacilitatorOptions {
    FacilitatorOptions::default()
}

on_both! {
    async fn supported_speaks_both_families_in_every_kind(world: &World) {
        let answer = get(&door(world, open()), "/supported").await;
        let body = answer.json();
        let kinds = body["kinds"].as_array().unwrap();
        assert!(kinds.len() >= 2, "{body}");
        for kind in kinds {
            assert!(kind["x402Version"].is_u64() && kind["x402Version"] == kind["t402Version"], "{kind}");
        }
        let version_1 = kinds.iter().find(|kind| kind["x402Version"] == 1).unwrap();
        assert_eq!(version_1["network"], "base-sepolia");
        assert!(body["extensions"].is_array() && body["signers"].is_object(), "{body}");
    }

    async fn the_service_describes_itself(world: &World) {
        let door = door(world, open());
        for path in ["/", "/info"] {
            let body = get(&door, path).await.json();
            let paths: Vec<&str> = body["endpoints"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
            for path in ["/supported", "/verify", "/settle", "/health", "/ready", "/metrics"] {
                assert!(paths.contains(&path), "{body}");
            }
        }
        for path in ["/verify", "/settle"] {
            let answer = get(&door, path).await;
            assert_eq!((answer.status, answer.json()["endpoint"].as_str()), (200, Some(path)));
        }
    }

    async fn a_payment_that_is_not_good_is_200_with_a_reason(world: &World) {
        let door = door(world, open());
        let mut elsewhere = payment();
        elsewhere["paymentRequirements"]["network"] = json!("eip155:1");
        elsewhere["paymentPayload"]["accepted"]["network"] = json!("eip155:1");
        let verified = post(&door, "/verify", &[], &elsewhere).await;
        assert_eq!((verified.status, &verified.json()["isValid"]), (200, &json!(false)));
        assert_eq!(verified.json()["invalidReason"], "invalid_network");
        let settled = post(&door, "/settle", &[], &elsewhere).await;
        assert_eq!((settled.status, &settled.json()["success"]), (200, &json!(false)));
        assert_eq!((&settled.json()["transaction"], &settled.json()["network"]), (&json!(""), &json!("eip155:1")));
    }

    async fn an_outage_is_503_and_reads_as_the_typed_answer(world: &World) {
        let door = door(world, open());
        for path in ["/verify", "/settle"] {
            let answer = post(&door, path, &[], &payment()).await;
            let body = answer.refused(path, 503, "UNAVAILABLE");
            assert_eq!(answer.header("retry-after"), "1");
            assert!(!body.to_string().contains("127.0.0.1"), "{body}");
        }
        let settled = post(&door, "/settle", &[], &payment()).await.json();
        assert_eq!(settled["network"], "eip155:84532");
    }

    async fn the_content_type_is_not_looked_at(world: &World) {
        let door = door(world, open());
        let mut bad = payment();
        bad["paymentRequirements"]["scheme"] = json!("upto");
        for content_type in ["application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense"] {
            let answer = post(&door, "/verify", &[("content-type", content_type)], &bad).await;
            assert_eq!((answer.status, &answer.json()["isValid"]), (200, &json!(false)), "{content_type}");
        }
    }

    async fn unknown_routes_and_methods_have_a_body(world: &World) {
        let door = door(world, open());
        for path in ["/nothing", "/v1/stream/open", "/verify/", "/discovery"] {
            get(&door, path).await.refused(path, 404, "NOT_FOUND");
        }
        let wrong = call(&door, Method::DELETE, "/supported", &[], Body::empty()).await;
        wrong.refused("/supported", 405, "METHOD_NOT_ALLOWED");
    }

    async fn a_request_id_is_echoed_if_it_can_be_nothing_else(world: &World) {
        let door = door(world, open());
        let asked = async |id: &str| {
            let answer = call(&door, Method::GET, "/health", &[("x-request-id", id)], Body::empty()).await;
            answer.header("x-request-id").to_owned()
        };
        assert_eq!(asked("order-7_A").await, "order-7_A");
        for odd in ["", "a b", "a\"b", &"a".repeat(65)] {
            let id = asked(odd).await;
            assert!(id.len() == 32 && id != odd, "{odd}: {id}");
        }
    }

    async fn browsers_may_call_every_endpoint(world: &World) {
        let door = door(world, open());
        for path in ["/settle", "/v1/discovery/register", "/nothing"] {
            let preflight = call(&door, Method::OPTIONS, path, &[("origin", "https://shop.example")], Body::empty()).await;
            assert_eq!(preflight.status, 204, "{path}");
            assert_eq!(preflight.header("access-control-allow-origin"), "*");
            let allowed = preflight.header("access-control-allow-headers").to_ascii_lowercase();
            for name in ["idempotency-key", "x-api-key", "authorization", "content-type"] {
                assert!(allowed.contains(name), "{allowed}");
            }
        }
        let answer = post(&door, "/verify", &[], &json!({})).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (400, "*"));
        assert!(answer.header("access-control-expose-headers").contains("X-Idempotency-Replayed"));
    }

    async fn running_is_not_being_ready_and_what_is_wrong_stays_inside(world: &World) {
        let door = door(world, open());
        assert_eq!(get(&door, "/health").await.json()["status"], "ok");
        let ready = get(&door, "/ready").await;
        assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("unhealthy")));
        let checks = ready.json()["checks"].clone();
        let names: Vec<&str> = checks.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["database", "eip155:84532"]);
        assert_eq!((&checks[0]["status"], &checks[1]["status"]), (&json!("healthy"), &json!("unhealthy")));
        assert!(!ready.text.contains("127.0.0.1") && !ready.text.contains("secret"), "{}", ready.text);
    }

    async fn what_happened_is_counted(world: &World) {
        let door = door(world, open());
        let mut refused = payment();
        refused["paymentRequirements"]["scheme"] = json!("upto");
        post(&door, "/verify", &[], &refused).await;
        post(&door, "/verify", &[], &payment()).await;
        let mut elsewhere = payment();
        elsewhere["paymentRequirements"]["network"] = json!("eip155:7");
        post(&door, "/settle", &[], &elsewhere).await;
        get(&door, "/made-up").await;
        let metrics = get(&door, "/metrics").await;
        assert!(metrics.header("content-type").starts_with("text/plain"), "{:?}", metrics.headers);
        for line in [
            "facilitator_requests_total{method=\"POST\",endpoint=\"/verify\",status=\"200\"} 1",
            "facilitator_requests_total{method=\"POST\",endpoint=\"/verify\",status=\"503\"} 1",
            "facilitator_requests_total{method=\"GET\",endpoint=\"unknown\",status=\"404\"} 1",
            "facilitator_verify_total{network=\"eip155:84532\",scheme=\"upto\",result=\"failure\"} 1",
            "facilitator_verify_total{network=\"eip155:84532\",scheme=\"exact\",result=\"error\"} 1",
            "facilitator_settle_total{network=\"other\",scheme=\"exact\",result=\"failure\"} 1",
            "facilitator_request_duration_seconds_count{endpoint=\"/verify\"} 2",
            "facilitator_active_requests 1",
        ] {
            assert!(metrics.text.lines().any(|found| found == line), "{line}\n{}", metrics.text);
        }
    }

    async fn it_may_stand_under_a_path_beside_the_credits_backend(world: &World) {
        let both: Router = backend_router(world.backend.clone()).nest("/facilitator", door(world, open()));
        assert!(get(&both, "/facilitator/supported").await.json()["kinds"].is_array());
        assert_eq!(get(&both, "/facilitator").await.json()["name"], "farebox facilitator");
        get(&both, "/facilitator/nothing").await.refused("", 404, "NOT_FOUND");
        post(&both, "/facilitator/verify", &[], &json!({})).await.refused("/verify", 400, "INVALID_REQUEST");
        assert_eq!(get(&both, "/api/v1/nothing").await.json()["code"], "FBX.REQUEST.NO_ROUTE");
        let metrics = get(&both, "/facilitator/metrics").await.text;
        assert!(metrics.contains("endpoint=\"/verify\",status=\"400\"") && !metrics.contains("endpoint=\"/facilitator"), "{metrics}");
        assert!(!metrics.contains("__"), "{metrics}");
    }

    async fn no_log_holds_a_key_or_a_payment(world: &World) {
        std::sync::LazyLock::force(&LOG);
        let door = door(world, open());
        let (key, _) = super::door::token(world, world.merchant, &[farebox_server::Scope::All], None).await;
        let wrong = format!("{}{}", &key[..key.len() - 4], "AAAA");
        post(&door, "/settle?api_key=inthequery", &[("x-api-key", &key), ("idempotency-key", "named-by-test")], &payment()).await;
        post(&door, "/settle", &[("authorization", &format!("Bearer {wrong}"))], &payment()).await;
        let log = LOG.read();
        for secret in [&key[8..], &wrong[8..], "inthequery", &"44".repeat(32), "secret-of-the-node"] {
            assert!(!log.contains(secret), "{secret}");
        }
    }
}
