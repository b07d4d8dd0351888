//! `farebox login` and `farebox logout`.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use axum::{Json, Router, http::StatusCode, routing::post};
use serde_json::{Value, json};

use crate::world::{Engine, World};

fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn command(world: &World, args: &[&str], url: &str) -> Command {
    let mut command = world.farebox(args);
    command.args(["--url", url, "--json"]).env("XDG_CONFIG_HOME", world.folder.path().join("home"));
    command.env_remove("FAREBOX_TOKEN").env_remove("DATABASE_URL");
    command
}

/// A login that waits, and what it shows.
fn login(world: &World, url: &str) -> (Child, Value) {
    let mut child = command(world, &["login"], url).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    let shown = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
    child.stderr = Some(stderr.into_inner());
    (child, shown)
}

async fn decide(shown: &Value, token: &str, decision: &str) -> String {
    let form = [("code", shown["user_code"].as_str().unwrap()), ("token", token), ("decision", decision)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let post = http().post(shown["verification_uri"].as_str().unwrap());
    let answer = post.header("content-type", "application/x-www-form-urlencoded").body(body).send().await.unwrap();
    answer.text().await.unwrap()
}

#[tokio::test]
async fn a_login_that_is_let_in_can_plan_until_it_logs_out() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    let token = world.json(&["init", "--json"])["api_token"].as_str().unwrap().to_owned();
    let server = world.serve();
    let (child, shown) = login(&world, &server.url);
    let page =
        http().get(shown["verification_uri_complete"].as_str().unwrap()).send().await.unwrap().text().await.unwrap();
    assert!(page.contains(shown["user_code"].as_str().unwrap()));
    for told in ["farebox command line", "billing:read billing:write billing:admin", "only if you started this"] {
        assert!(page.contains(told), "no {told:?} in {page}");
    }
    assert!(decide(&shown, &token, "approve").await.contains("The device is let in"));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();

    let file = world.folder.path().join("home/farebox/credentials.json");
    assert_eq!(said["credentials"], file.to_str().unwrap());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let kept: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    let text = kept["servers"][&server.url]["token"].as_str().unwrap().to_owned();
    assert!(text.starts_with("pl_test_") && !String::from_utf8_lossy(&output.stdout).contains(&text));

    // The last login's server is the one that is meant.
    let mut pull = world.farebox(&["config", "pull", "-"]);
    pull.env("XDG_CONFIG_HOME", world.folder.path().join("home")).env_remove("FAREBOX_TOKEN");
    let pulled = pull.output().unwrap();
    assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = command(&world, &["config", "pull", "-"], &server.url).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("chmod 600"), "{said}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();

    let output = command(&world, &["logout"], &server.url).output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["revoked"], true, "{said}");
    assert!(!fs::read_to_string(&file).unwrap().contains(&text));
    // Servers remember a token for five seconds.
    let mut status = 0;
    for _ in 0..100 {
        let get = http().get(format!("{}/v1/plans", server.url)).bearer_auth(&text);
        status = get.send().await.unwrap().status().as_u16();
        if status == 401 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(status, 401, "the token is worth nothing any more");
}

#[tokio::test]
async fn a_login_that_is_turned_away_keeps_nothing() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    let token = world.json(&["init", "--json"])["api_token"].as_str().unwrap().to_owned();
    let server = world.serve();
    let (child, shown) = login(&world, &server.url);
    assert!(decide(&shown, &token, "deny").await.contains("The device is turned away"));
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("turned this login away"), "{said}");
    assert!(!world.folder.path().join("home/farebox/credentials.json").exists());
}

/// A server that speaks the flow, and answers polls with these errors, one after the other.
async fn answering(errors: &'static [&'static str], polls: Arc<Mutex<usize>>) -> String {
    let code = async || {
        Json(json!({"device_code": "d", "user_code": "BCDF-GHJK", "verification_uri": "http://127.0.0.1:9/device",
            "verification_uri_complete": "http://127.0.0.1:9/device?code=BCDF-GHJK", "expires_in": 30, "interval": 1}))
    };
    let token = async move || {
        let mut polls = polls.lock().unwrap();
        let error = errors[(*polls).min(errors.len() - 1)];
        *polls += 1;
        (StatusCode::BAD_REQUEST, Json(json!({"error": error, "error_description": "as it is"})))
    };
    let app = Router::new().route("/v1/oauth/device/code", post(code)).route("/v1/oauth/token", post(token));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn each_error_of_the_flow_waits_or_ends_it() {
    let world = World::new(Engine::Sqlite).await.unwrap();
    for (errors, polled, said) in [
        (&["authorization_pending", "expired_token"][..], 2, "nobody let this login in in time"),
        (&["invalid_grant"][..], 1, "does not know this login any more"),
        (&["access_denied"][..], 1, "turned this login away"),
        (&["slow_down", "access_denied"][..], 2, "turned this login away"),
    ] {
        let polls = Arc::new(Mutex::new(0));
        let url = answering(errors, Arc::clone(&polls)).await;
        let begun = std::time::Instant::now();
        let output = command(&world, &["login"], &url).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains(said), "{errors:?}: {stderr}");
        assert_eq!(*polls.lock().unwrap(), polled, "{errors:?}");
        let slow = errors.contains(&"slow_down");
        assert_eq!(begun.elapsed().as_secs() >= 7, slow, "slow_down adds five seconds");
    }
    assert!(!world.folder.path().join("home").exists());
}
