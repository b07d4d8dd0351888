//! Requests that another site, or nobody, made.

use std::time::Duration;

use axum::Router;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use farebox_relay::{Csrf, Relay};
use farebox_types::Secret;
use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use rstest::rstest;
use sha2::Sha256;

use crate::world::{Answer, NOW, PREFIX, SECRET, World, by_headers, serve, signed, upstream};

const WRITES: [&str; 6] =
    ["/attach", "/check", "/track", "/billing-portal", "/subscriptions/sub_1/upgrade", "/subscriptions/sub_1/cancel"];

/// A token as the protocol describes it, made without the relay.
fn token(secret: &str, expiry: i64) -> String {
    let signed = format!("{}.{expiry}", "r".repeat(43));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

async fn write(world: &World, path: &str, header: Option<&str>, cookie: Option<&str>, more: &[(&str, &str)]) -> Answer {
    let mut headers = vec![("content-type", "application/json"), ("x-customer", "cus_ann")];
    headers.extend(header.map(|token| ("paylera-csrf-token", token)));
    let cookie = cookie.map(|token| format!("paylera_csrf={token}"));
    headers.extend(cookie.as_deref().map(|cookie| ("cookie", cookie)));
    headers.extend(more);
    world.send(Method::POST, &format!("{PREFIX}{path}"), &headers, "{}").await
}

#[tokio::test]
async fn a_token_made_by_the_protocol_is_taken() {
    let world = World::new().await;
    let good = token(SECRET, NOW + 100);
    assert_eq!(write(&world, "/check", Some(&good), Some(&good), &[]).await.status, 200);
}

#[rstest]
#[case::missing(None, None)]
#[case::without_its_cookie(Some(token(SECRET, NOW + 100)), None)]
#[case::without_its_header(None, Some(token(SECRET, NOW + 100)))]
#[case::forged(Some(token("another secret of thirty-two bytes", NOW + 100)), None)]
#[case::expired(Some(token(SECRET, NOW)), None)]
#[case::far_in_the_future(Some(token(SECRET, NOW + 86_401)), None)]
#[case::empty(Some(String::new()), None)]
#[case::not_a_token(Some("x".to_owned()), None)]
#[tokio::test]
async fn a_bad_token_changes_nothing_on_any_route(#[case] header: Option<String>, #[case] cookie: Option<String>) {
    let world = World::new().await;
    world.billing.subscribe("cus_ann", "sub_1", "active");
    // What has only a header is sent in both places, unless the case is about that.
    let alone = header.as_deref() == Some(&token(SECRET, NOW + 100));
    let cookie = cookie.or_else(|| header.clone().filter(|_| !alone));
    let mut bodies = Vec::new();
    for path in WRITES {
        let answer = write(&world, path, header.as_deref(), cookie.as_deref(), &[]).await;
        answer.assert_problem(403, "paylera.csrf_mismatch");
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies, [r#"{"type":"paylera.csrf_mismatch","title":"CSRF check failed","status":403}"#]);
    assert!(world.billing.lines().is_empty());
}

#[tokio::test]
async fn two_good_tokens_do_not_stand_for_each_other() {
    let world = World::new().await;
    let (one, other) = (token(SECRET, NOW + 100), world.token().await);
    write(&world, "/track", Some(&one), Some(&other), &[]).await.assert_problem(403, "paylera.csrf_mismatch");
    let twice = [("paylera-csrf-token", other.as_str())];
    write(&world, "/track", Some(&one), Some(&one), &twice).await.assert_problem(403, "paylera.csrf_mismatch");
}

#[tokio::test]
async fn a_cookie_left_behind_by_another_path_does_no_harm() {
    let world = World::new().await;
    let good = token(SECRET, NOW + 100);
    let both = format!("old.cookie; paylera_csrf={good}");
    assert_eq!(write(&world, "/check", Some(&good), Some(&both), &[]).await.status, 200);
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let world = World::new().await;
    let good = world.token().await;
    world.clock.advance(Duration::from_secs(86_399));
    assert_eq!(write(&world, "/check", Some(&good), Some(&good), &[]).await.status, 200);
    world.clock.advance(Duration::from_secs(1));
    write(&world, "/check", Some(&good), Some(&good), &[]).await.assert_problem(403, "paylera.csrf_mismatch");
}

#[tokio::test]
async fn a_shorter_lifetime_refuses_what_a_longer_one_would_take() {
    let world = World::with(|relay| relay.csrf(signed().lifetime(Duration::from_secs(60)))).await;
    let long = token(SECRET, NOW + 61);
    write(&world, "/check", Some(&long), Some(&long), &[]).await.assert_problem(403, "paylera.csrf_mismatch");
    let own = world.token().await;
    assert_eq!(write(&world, "/check", Some(&own), Some(&own), &[]).await.status, 200);
}

#[rstest]
#[case(&[("sec-fetch-site", "cross-site")])]
#[case(&[("origin", "https://evil.example")])]
#[case(&[("origin", "null")])]
#[case(&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")])]
#[case(&[("sec-fetch-site", "cross-site"), ("origin", "https://app.example.com")])]
#[tokio::test]
async fn a_page_from_elsewhere_is_refused_even_with_a_good_token(#[case] headers: &[(&str, &str)]) {
    let world = World::with(|relay| relay.allow_origin("https://app.example.com")).await;
    let good = world.token().await;
    for path in WRITES {
        write(&world, path, Some(&good), Some(&good), headers).await.assert_problem(403, "paylera.csrf_mismatch");
    }
    assert!(world.billing.lines().is_empty());
}

#[tokio::test]
async fn a_page_of_the_same_host_or_of_the_list_is_not_foreign() {
    let world = World::with(|relay| relay.allow_origin("https://app.example.com")).await;
    let good = world.token().await;
    let here = format!("http://{}", world.addr);
    for origin in [here.as_str(), "https://app.example.com"] {
        assert_eq!(write(&world, "/check", Some(&good), Some(&good), &[("origin", origin)]).await.status, 200);
    }
}

#[tokio::test]
async fn reading_needs_no_token() {
    let world = World::new().await;
    let headers = [("x-customer", "cus_ann"), ("sec-fetch-site", "cross-site")];
    assert_eq!(world.get("/me", &headers).await.status, 200);
}

/// Another instance behind the same balancer.
async fn instance(world: &World, csrf: Csrf) -> World {
    let relay = Relay::builder(upstream(world.billing.addr)).identify(by_headers).csrf(csrf);
    let relay = relay.clock(world.clock.clone()).build().unwrap();
    let addr = serve(Router::new().nest(PREFIX, relay.router())).await;
    World::at(world, addr)
}

#[tokio::test]
async fn instances_with_one_secret_take_each_others_tokens() {
    let one = World::new().await;
    let other = instance(&one, signed()).await;
    for (minting, checking) in [(&one, &other), (&other, &one)] {
        let token = minting.token().await;
        assert_eq!(write(checking, "/check", Some(&token), Some(&token), &[]).await.status, 200);
    }
}

#[tokio::test]
async fn a_rotation_in_two_steps_drops_no_request() {
    let secret = |text: &str| Secret::new(text.to_owned());
    let fresh = "fresh secret of thirty-two bytes!";
    let before = World::new().await;
    // First every instance learns to take the new secret's tokens, then every instance signs with it.
    let learning = instance(&before, signed().previous(secret(fresh))).await;
    let signing = instance(&before, Csrf::signed(secret(fresh)).previous(secret(SECRET))).await;
    for (minting, checking) in
        [(&before, &learning), (&learning, &before), (&learning, &signing), (&signing, &learning), (&before, &signing)]
    {
        let token = minting.token().await;
        assert_eq!(write(checking, "/check", Some(&token), Some(&token), &[]).await.status, 200);
    }
    let after = instance(&before, Csrf::signed(secret(fresh))).await;
    let old = before.token().await;
    write(&after, "/check", Some(&old), Some(&old), &[]).await.assert_problem(403, "paylera.csrf_mismatch");
}

#[tokio::test]
async fn switched_off_it_asks_for_no_token_and_still_knows_foreign_pages() {
    let world = World::with(|relay| relay.csrf(Csrf::off())).await;
    assert_eq!(write(&world, "/check", None, None, &[]).await.status, 200);
    let foreign = [("origin", "https://evil.example")];
    write(&world, "/check", None, None, &foreign).await.assert_problem(403, "paylera.csrf_mismatch");
    assert_eq!(world.get("/csrf-token", &[]).await.status, 200, "pages that ask for one go on working");
}
