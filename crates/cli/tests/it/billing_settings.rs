//! `[billing]` of the configuration file, and its environment.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
};

use serde_json::{Value, json};

use crate::world::{Engine, World};

/// A server with such settings, its address, and a token.
struct Shop {
    world: World,
    child: Child,
    url: String,
    token: String,
}

impl Shop {
    async fn new(mode: &str, file: &str, environment: &[(&str, &str)]) -> Self {
        let world = World::new(Engine::Sqlite).await.unwrap();
        let token = world.json(&["init", "--mode", mode, "--json"])["api_token"].as_str().unwrap().to_owned();
        fs::write(world.folder.path().join("farebox.toml"), file).unwrap();
        let mut command = world.farebox(&["serve", "--listen", "127.0.0.1:0", "--json"]);
        command.envs(environment.iter().copied());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        Self { world, child, url: said["listening"].as_str().unwrap().to_owned(), token }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: &Value) -> (u16, Value) {
        let key = uuid::Uuid::now_v7().to_string();
        let request = http().request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        self.send(request.header("idempotency-key", key).json(body)).await
    }

    /// Attaches a plan that has to be paid for; the checkout would return to `url`.
    async fn attach(&self, url: &str) -> (u16, Value) {
        let plan = json!({"code": "pro", "name": "Pro", "prices": [{"amount": 900, "currency": "USD", "interval": "month"}],
            "features": {}});
        let (_, plan) = self.call(reqwest::Method::PUT, "/v1/admin/plans/pro", &plan).await;
        let body = json!({"plan_id": plan["id"], "customer_email": "ann@example.com", "return_url": url});
        self.call(reqwest::Method::POST, "/v1/attach", &body).await
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn a_token_and_an_address_have_limits_of_their_own() {
    let shop = Shop::new("test", "[billing]\nrate_limit = 2\n", &[("FAREBOX_BILLING_PUBLIC_RATE_LIMIT", "1")]).await;
    let plans = async || shop.send(http().get(format!("{}/v1/plans", shop.url)).bearer_auth(&shop.token)).await;
    assert_eq!([plans().await.0, plans().await.0], [200, 200]);
    let (status, problem) = plans().await;
    assert_eq!((status, &problem["type"]), (429, &json!("paylera.rate_limited")));

    let body = json!({"client_id": "cli"});
    let code = async || shop.send(http().post(format!("{}/v1/oauth/device/code", shop.url)).json(&body)).await.0;
    assert_eq!([code().await, code().await], [200, 429]);
}

#[tokio::test]
async fn a_strict_server_returns_to_its_own_domains_only() {
    let domains = [("FAREBOX_BILLING_REDIRECT_DOMAINS", "acme.com, acme.org")];
    let shop = Shop::new("test", "[billing]\nredirect_policy = \"strict\"\n", &domains).await;
    let (status, problem) = shop.attach("https://evil.example/").await;
    assert_eq!((status, &problem["type"]), (422, &json!("paylera.redirect_domain_not_allowed")), "{problem}");
    let (status, attached) = shop.attach("https://app.acme.org/done").await;
    assert_eq!(status, 200, "{attached}");
    assert!(attached["checkout_url"].as_str().unwrap().starts_with(&shop.url));
}

#[tokio::test]
async fn in_test_mode_nothing_has_to_be_listed() {
    let shop = Shop::new("test", "", &[]).await;
    assert_eq!(shop.attach("https://anywhere.example/").await.0, 200);
    let public = Shop::new("test", "[billing]\npublic_url = \"https://billing.example/\"\n", &[]).await;
    let (_, attached) = public.attach("https://anywhere.example/").await;
    assert!(attached["checkout_url"].as_str().unwrap().starts_with("https://billing.example/checkout/"), "{attached}");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_at_the_start() {
    let shop = Shop::new("test", "", &[]).await;
    for (file, said) in [
        ("[billing]\nredirect_domain = []\n", "did you mean `redirect_domains`?"),
        ("[billing]\nredirect_domains = [\"https://acme.com\"]\n", "is no domain"),
        ("[billing]\nredirect_policy = \"loose\"\n", "strict-when-live"),
        ("[billing]\nrate_limit = \"many\"\n", "rate_limit = 1000"),
        ("[billing]\npublic_url = \"acme.com\"\n", "is no address"),
    ] {
        fs::write(shop.world.folder.path().join("farebox.toml"), file).unwrap();
        let output = shop.world.run(&["serve", "--listen", "127.0.0.1:0"]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && stderr.contains(said), "{file}: {stderr}");
    }
}
