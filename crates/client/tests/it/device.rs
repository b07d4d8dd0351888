//! The device flow.

use std::time::{Duration, Instant};

use farebox_client::{Client, DeviceError, api::DeviceAuthorization};

use crate::{
    QUICK,
    upstream::{Answer, Upstream},
};

const BEGUN: &str = r#"{"device_code":"dev_secret","user_code":"BCDF-GHJK","verification_uri":"http://a/device",
    "verification_uri_complete":"http://a/device?code=BCDF-GHJK","expires_in":600,"interval":1}"#;
const TOKEN: &str = r#"{"access_token":"pl_test_new","token_type":"Bearer","scope":"all"}"#;
const PENDING: &str = r#"{"error":"authorization_pending","error_description":"not yet"}"#;

fn client(upstream: &Upstream) -> Client {
    Client::public(&upstream.url).retry(QUICK).timeout(Duration::from_millis(300)).build().unwrap()
}

fn device(expires_in: u32) -> DeviceAuthorization {
    DeviceAuthorization { expires_in, ..serde_json::from_str(BEGUN).unwrap() }
}

#[tokio::test]
async fn a_program_without_a_token_gets_one() {
    let upstream =
        Upstream::start(vec![Answer::Json(200, BEGUN), Answer::Json(400, PENDING), Answer::Json(200, TOKEN)]).await;
    let client = client(&upstream);
    let flow = client.device_flow("my-cli");
    let device = flow.begin().scope("billing:read").await.unwrap();
    assert_eq!(device.user_code, "BCDF-GHJK");
    let begun = Instant::now();
    let token = flow.wait(&device).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(2), "it waits the interval before each question");
    assert_eq!(token.expose(), "pl_test_new");
    let seen = upstream.seen();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    assert_eq!(lines, ["POST /v1/oauth/device/code", "POST /v1/oauth/token", "POST /v1/oauth/token"]);
    assert_eq!(seen[0].body, r#"{"client_id":"my-cli","scope":"billing:read"}"#);
    let asked = r#"{"grant_type":"urn:ietf:params:oauth:grant-type:device_code","device_code":"dev_secret","client_id":"my-cli"}"#;
    assert_eq!(seen[1].body, asked);
    assert!(seen.iter().all(|seen| !seen.headers.contains_key("authorization")));
}

#[tokio::test]
async fn every_answer_of_the_flow_is_an_error_of_its_own() {
    for (code, is) in [
        ("authorization_pending", (|it| matches!(it, DeviceError::Pending)) as fn(&DeviceError) -> bool),
        ("slow_down", |it| matches!(it, DeviceError::SlowDown)),
        ("expired_token", |it| matches!(it, DeviceError::ExpiredToken)),
        ("access_denied", |it| matches!(it, DeviceError::AccessDenied)),
        ("invalid_grant", |it| matches!(it, DeviceError::InvalidGrant)),
        ("unsupported_grant_type", |it| matches!(it, DeviceError::Protocol(_))),
    ] {
        let body: &'static str = format!(r#"{{"error":"{code}","error_description":"d"}}"#).leak();
        let upstream = Upstream::start(vec![Answer::Json(400, body)]).await;
        let error = client(&upstream).device_flow("c").poll("dev_secret").await.err().unwrap();
        assert!(is(&error), "{code}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("dev_secret"));
    }
    let upstream = Upstream::start(vec![Answer::Json(503, "{}"); 5]).await;
    let error = client(&upstream).device_flow("c").poll("dev_secret").await.err().unwrap();
    assert!(matches!(error, DeviceError::Call(_)));
    assert_eq!(upstream.seen().len(), 1, "a question about a secret that is used up once is not repeated");
}

#[tokio::test]
async fn a_no_ends_the_wait_and_so_does_the_time() {
    let denied = r#"{"error":"access_denied","error_description":"no"}"#;
    let upstream = Upstream::start(vec![Answer::Json(400, denied)]).await;
    let error = client(&upstream).device_flow("c").wait(&device(600)).await.err().unwrap();
    assert!(matches!(error, DeviceError::AccessDenied));
    let upstream = Upstream::start(vec![Answer::Json(400, PENDING); 9]).await;
    let error = client(&upstream).device_flow("c").wait(&device(2)).await.err().unwrap();
    assert!(matches!(error, DeviceError::ExpiredToken));
    assert!(upstream.seen().len() <= 2);
}
