//! A merchant's billing API with a token, and a few things to sell.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request},
};
use farebox_server::{
    Backend, Keyring, Scopes, TokenTerms,
    billing::{BillingSettings, router},
    issue_api_token,
};
use farebox_types::{Clock, Id, Merchant, Mode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::payments::town::Town;
use crate::world::{MASTER, World};

pub(super) struct Shop {
    pub(super) router: Router,
    pub(super) token: String,
    /// Of another merchant.
    pub(super) stranger: String,
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Reply {
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.text))
    }

    #[track_caller]
    pub(super) fn is(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// A problem as the protocol has it.
    #[track_caller]
    pub(super) fn refused(&self, status: u16, code: &str) -> Value {
        let problem = self.json();
        assert_eq!((self.status, problem["type"].as_str()), (status, Some(code)), "{problem}");
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.headers["request-id"].to_str().unwrap());
        assert!(problem["title"].is_string() && problem["detail"].is_string() && problem["instance"].is_string());
        problem
    }
}

pub(crate) async fn token_of(world: &World, merchant: Id<Merchant>, scopes: Scopes) -> String {
    let terms = TokenTerms { scopes, ..TokenTerms::all("test") };
    let ring = Keyring::new(MASTER);
    let (token, _) =
        issue_api_token(&*world.store, &ring, merchant, Mode::Test, &terms, world.clock.now()).await.unwrap();
    token.expose().to_owned()
}

impl Shop {
    pub(super) async fn open(world: &World) -> Self {
        Self::with(world, BillingSettings::default()).await
    }

    pub(super) async fn with(world: &World, settings: BillingSettings) -> Self {
        let other = world.store.merchant_named("other").await.unwrap().unwrap().id;
        Self {
            router: router(world.backend.clone(), settings),
            token: token_of(world, world.merchant, Scopes::all()).await,
            stranger: token_of(world, other, Scopes::all()).await,
        }
    }

    /// What costs is paid through the town's provider.
    pub(super) async fn paid_through(world: &World, town: &Town<'_>) -> Self {
        let payments = Some(town.payments.clone());
        let public_url = Some("http://farebox.test".to_owned());
        Self::with(world, BillingSettings { payments, public_url, ..BillingSettings::default() }).await
    }

    /// The same merchant's, in another process.
    pub(super) fn elsewhere(&self, world: &World) -> Self {
        let clock = Arc::<farebox_types::ManualClock>::clone(&world.clock);
        let backend = Backend::new(Arc::clone(&world.store), clock, Keyring::new(MASTER));
        let router = router(backend, BillingSettings::default());
        Self { router, token: self.token.clone(), stranger: self.stranger.clone() }
    }

    pub(super) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<&str>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_owned()));
        let answer = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Reply { status: parts.status.as_u16(), headers: parts.headers, text }
    }

    pub(super) async fn call(&self, method: Method, path: &str, key: &str, body: Option<Value>) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        if !key.is_empty() {
            headers.push(("idempotency-key", key));
        }
        self.send(method, path, &headers, body.map(|body| body.to_string()).as_deref()).await
    }

    /// Under a key of its own.
    pub(super) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, &uuid::Uuid::now_v7().to_string(), Some(body)).await
    }

    pub(super) async fn post_named(&self, path: &str, key: &str, body: Value) -> Reply {
        self.call(Method::POST, path, key, Some(body)).await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path, "", Some(body)).await
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, "", None).await
    }

    // Selling.

    pub(super) async fn customer(&self, email: &str) -> String {
        id_of(&self.post("/v1/customers", json!({"email": email, "name": "Ann"})).await.is(201))
    }

    /// Features of every kind, and plans `free` (10 calls each month) and `more` (100).
    pub(super) async fn stock(&self) -> (String, String) {
        for (code, kind) in [("calls", "metered"), ("seats", "numeric"), ("export", "boolean"), ("tier", "text")] {
            let body = json!({"code": code, "name": code.to_uppercase(), "kind": kind, "unit": "call"});
            self.put(&format!("/v1/admin/features/{code}"), body).await.is(201);
        }
        (self.plan("free", 10).await, self.plan("more", 100).await)
    }

    pub(super) async fn plan(&self, code: &str, calls: u64) -> String {
        let body = json!({
            "code": code, "name": code, "privileges": ["export_csv"],
            "prices": [{"amount": 0, "currency": "USD", "interval": "month"}],
            "features": {
                "calls": {"includedUsage": calls, "usageCycle": "calendar_month"},
                "seats": {"value": 5}, "export": {"value": true}, "tier": {"value": "gold"},
            },
        });
        let answer = self.put(&format!("/v1/admin/plans/{code}"), body).await;
        assert!([200, 201].contains(&answer.status), "{}", answer.text);
        id_of(&answer.json())
    }

    pub(super) async fn attach(&self, customer: &str, plan: &str) -> Value {
        self.post("/v1/attach", json!({"customer_id": customer, "plan_id": plan})).await.is(200)
    }

    /// A customer on a plan of so many calls.
    pub(super) async fn subscribed(&self, calls: u64) -> (String, String) {
        self.stock().await;
        let plan = self.plan("own", calls).await;
        let customer = self.customer("ann@example.com").await;
        let attached = self.attach(&customer, &plan).await;
        (customer, attached["subscription_id"].as_str().unwrap().to_owned())
    }

    pub(super) async fn check(&self, customer: &str, feature: &str, required: u64) -> Value {
        let body = json!({"customer_id": customer, "feature_code": feature, "required_usage": required});
        self.post("/v1/check", body).await.is(200)
    }

    pub(super) async fn track(&self, customer: &str, value: Value, key: &str) -> Reply {
        let body = json!({"customer_id": customer, "feature_code": "calls", "value": value});
        self.post_named("/v1/track", key, body).await
    }
}

pub(super) fn id_of(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id: {value}")).to_owned()
}
