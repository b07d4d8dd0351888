//! API keys: who may verify, settle and read.

use axum::http::Method;
use farebox_server::{Scope, revoke_api_token};
use farebox_types::{Id, Merchant as MerchantKind, Timestamp};
use serde_json::json;

use super::door::{REQUIRED, door, get, payment, post, token};
use crate::world::{START, World, ask, bearer};

/// A payment that is refused for its scheme: 200 when the caller was let in, with no chain asked.
fn refused_payment() -> serde_json::Value {
    let mut body = payment();
    body["paymentRequirements"]["scheme"] = json!("upto");
    body
}

async fn other_merchant(world: &World) -> Id<MerchantKind> {
    world.store.merchant_named("other").await.unwrap().unwrap().id
}

on_both! {
    async fn without_a_key_nothing_is_verified_or_settled_but_what_is_supported_is_public(world: &World) {
        let door = door(world, REQUIRED);
        for path in ["/verify", "/settle"] {
            let answer = post(&door, path, &[], &payment()).await;
            let body = answer.refused(path, 401, "UNAUTHORIZED");
            assert_eq!((&body["error"], answer.header("www-authenticate")), (&json!("unauthorized"), "Bearer"));
        }
        for path in ["/", "/info", "/supported", "/health", "/metrics", "/verify", "/settle"] {
            assert_eq!(get(&door, path).await.status, 200, "{path}");
        }
        get(&door, "/discovery/resources").await.refused("", 401, "UNAUTHORIZED");
    }

    async fn a_key_opens_what_its_scopes_name(world: &World) {
        let door = door(world, REQUIRED);
        let (verifier, _) = token(world, world.merchant, &[Scope::Verify], None).await;
        let (settler, _) = token(world, world.merchant, &[Scope::Settle, Scope::Read], None).await;
        let (all, _) = token(world, world.merchant, &[Scope::All], None).await;
        let (older, _) = token(world, world.merchant, &[], None).await;
        for (path, key, opens) in [
            ("/verify", &verifier, true), ("/settle", &verifier, false), ("/verify", &settler, false),
            ("/settle", &settler, true), ("/verify", &all, true), ("/settle", &all, true), ("/settle", &older, true),
        ] {
            for header in [("x-api-key", key.clone()), ("authorization", bearer(key))] {
                let answer = post(&door, path, &[(header.0, &header.1)], &refused_payment()).await;
                if opens {
                    assert_eq!(answer.status, 200, "{path} {}", answer.text);
                } else {
                    let body = answer.refused(path, 403, "FORBIDDEN");
                    assert!(body["error"] == "forbidden" && body["message"].as_str().unwrap().contains("facilitator:"), "{body}");
                }
            }
        }
    }

    async fn what_is_no_key_of_this_facilitator_opens_nothing_even_an_open_one(world: &World) {
        let (good, _) = token(world, world.merchant, &[Scope::All], None).await;
        let (strange, _) = token(world, other_merchant(world).await, &[Scope::All], None).await;
        for options in [REQUIRED, Default::default()] {
            let door = door(world, options);
            for key in ["", "x", "pl_test_", &good.replace("pl_test_", "pl_live_"), &good[..good.len() - 1], &strange, &world.seller.key] {
                post(&door, "/verify", &[("x-api-key", key)], &payment()).await.refused("/verify", 401, "UNAUTHORIZED");
                post(&door, "/settle", &[("authorization", &bearer(key))], &payment()).await.refused("/settle", 401, "UNAUTHORIZED");
            }
            let somebody_elses = post(&door, "/verify", &[("authorization", "Basic dTpw")], &refused_payment()).await;
            assert_eq!(somebody_elses.status, if options.keys == REQUIRED.keys { 401 } else { 200 });
        }
    }

    async fn a_key_in_the_url_is_not_read(world: &World) {
        let door = door(world, REQUIRED);
        let (key, _) = token(world, world.merchant, &[Scope::All], None).await;
        let answer = post(&door, &format!("/verify?api_key={key}"), &[], &payment()).await;
        answer.refused("/verify", 401, "UNAUTHORIZED");
    }

    async fn a_key_ends_with_its_time_and_when_it_is_taken_back(world: &World) {
        let end = Timestamp::from_seconds(START + 60);
        let (short, _) = token(world, world.merchant, &[Scope::Verify], Some(end)).await;
        let (long, id) = token(world, world.merchant, &[Scope::Verify], None).await;
        let door = door(world, REQUIRED);
        let asked = async |key: &str| post(&door, "/verify", &[("x-api-key", key)], &refused_payment()).await;
        assert_eq!((asked(&short).await.status, asked(&long).await.status), (200, 200));
        world.pass(60);
        asked(&short).await.refused("/verify", 401, "UNAUTHORIZED");
        assert_eq!(asked(&long).await.status, 200);
        revoke_api_token(&*world.store, world.merchant, id, world.now()).await.unwrap();
        let fresh = super::door::door_of_another_process(world, REQUIRED);
        post(&fresh, "/verify", &[("x-api-key", &long)], &payment()).await.refused("/verify", 401, "UNAUTHORIZED");
    }

    async fn a_key_of_the_facilitator_opens_nothing_of_the_merchant(world: &World) {
        let (scoped, _) = token(world, world.merchant, &[Scope::Verify, Scope::Settle, Scope::Read], None).await;
        let (all, _) = token(world, world.merchant, &[Scope::All], None).await;
        let list = async |key: &str| {
            let headers = [("authorization", &*bearer(key))];
            ask(world.router.clone(), Method::GET, "/api/v1/protocol/plans", &headers, None).await
        };
        list(&scoped).await.refused(403, "BCK.AUTH.0004");
        list(&all).await.ok();
    }
}
