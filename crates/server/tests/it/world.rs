//! One merchant with a server of its own, and another merchant beside it.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use farebox_engine::ledger::{Account, AccountSpec, Actor, Transfer, TransferId};
use farebox_server::{Backend, Keyring, issue_api_key, router};
use farebox_store::{
    Change, Database, DatabaseUrl, Merchant, OperationKey, Page, Record, Recorded, Role, SqliteStore, Store,
};
use farebox_types::{
    Address, Clock, Id, ManualClock, Merchant as MerchantKind, Mode, Plan, PublicId, Quantity, Secret, Timestamp,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sqlx::Connection;
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) use crate::bodies::{accept, credits_config, held, named, pay, permission3, plan_body, ranged, required};

pub(crate) const MASTER: [u8; 32] = [42; 32];
pub(crate) const START: i64 = 1_800_000_000;

pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) backend: Backend,
    pub(crate) router: Router,
    pub(crate) merchant: Id<MerchantKind>,
    pub(crate) seller: Person,
    pub(crate) buyer: Person,
    /// A seller of another merchant.
    pub(crate) stranger: Person,
    url: DatabaseUrl,
    database: Held,
}

/// What must outlive the store, and be removed after it.
enum Held {
    Folder(#[expect(dead_code, reason = "removes the folder when dropped")] TempDir),
    Database { admin: String, name: String },
}

/// A key and its account.
pub(crate) struct Person {
    pub(crate) key: String,
    pub(crate) account: Address,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
}

impl Answer {
    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.json);
        self.json
    }

    /// Asserts a refusal in the shape that both readers understand.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.json["code"].as_str()), (status, Some(code)), "{}", self.json);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["message"], self.json["detail"]);
        assert!(self.json["title"].is_string() && self.json["type"].is_string(), "{}", self.json);
    }
}

impl World {
    pub(crate) async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("farebox.db").display());
        Self::new(url.parse().unwrap(), Held::Folder(folder)).await
    }

    /// `None` when no server is named: these tests then say nothing about PostgreSQL.
    pub(crate) async fn on_postgres() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "the test runner names the server")]
        let admin = std::env::var("FAREBOX_TEST_POSTGRES").ok()?;
        let name = format!("farebox_server_{}", uuid::Uuid::now_v7().simple());
        admin_statement(&admin, format!("CREATE DATABASE {name}")).await;
        let url = with_database(&admin, &name).parse().unwrap();
        Some(Self::new(url, Held::Database { admin, name }).await)
    }

    async fn new(url: DatabaseUrl, database: Held) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(START)));
        let store = Database::open(&url, Arc::<ManualClock>::clone(&clock)).await.unwrap();
        store.migrate().await.unwrap();
        assert!(store.claim(Keyring::new(MASTER).fingerprint()).await.unwrap());
        let merchant = add_merchant(&*store, "acme").await;
        let other = add_merchant(&*store, "other").await;
        let backend = Backend::new(Arc::clone(&store), Arc::<ManualClock>::clone(&clock), Keyring::new(MASTER));
        Self {
            seller: person(&*store, merchant, Role::Seller).await,
            buyer: person(&*store, merchant, Role::Buyer).await,
            stranger: person(&*store, other, Role::Seller).await,
            router: router(backend.clone()),
            backend,
            merchant,
            store,
            clock,
            url,
            database,
        }
    }

    /// The audit that ends every test, on the database opened anew: balances, lots and chains agree with the transfers.
    pub(crate) async fn finish(self) {
        let Self { store, backend, router, database, clock, url, .. } = self;
        store.close().await;
        drop((store, backend, router));
        // To read: a facilitator's tasks may hold the file a little longer.
        let store: Arc<dyn Store> = match &url {
            DatabaseUrl::Sqlite(path) => Arc::new(SqliteStore::open_to_read(path, clock).unwrap()),
            DatabaseUrl::Postgres(_) => Database::open(&url, clock).await.unwrap(),
        };
        let report = store.verify().await.unwrap();
        assert!(report.is_clean() && report.audit_lines > 0, "{report:?}");
        store.close().await;
        drop(store);
        if let Held::Database { admin, name } = database {
            admin_statement(&admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }

    /// The same server once more, as another process would have it: nothing remembered.
    pub(crate) fn another_process(&self) -> Router {
        let clock = Arc::<ManualClock>::clone(&self.clock);
        router(Backend::new(Arc::clone(&self.store), clock, Keyring::new(MASTER)))
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    // Asking.

    pub(crate) async fn post(&self, path: &str, who: &Person, body: Value) -> Answer {
        ask(self.router.clone(), Method::POST, path, &[("authorization", &bearer(&who.key))], Some(body)).await
    }

    pub(crate) async fn post_named(&self, path: &str, who: &Person, name: &str, body: Value) -> Answer {
        let headers = [("authorization", bearer(&who.key)), ("idempotency-key", name.to_owned())];
        let headers = [(headers[0].0, headers[0].1.as_str()), (headers[1].0, headers[1].1.as_str())];
        ask(self.router.clone(), Method::POST, path, &headers, Some(body)).await
    }

    /// With a JSON content type and no body, as the SDK orders.
    pub(crate) async fn post_nothing(&self, path: &str, who: &Person) -> Answer {
        let headers = [("authorization", &*bearer(&who.key)), ("content-type", "application/json")];
        ask(self.router.clone(), Method::POST, path, &headers, None).await
    }

    pub(crate) async fn get(&self, path: &str, who: &Person) -> Answer {
        ask(self.router.clone(), Method::GET, path, &[("authorization", &bearer(&who.key))], None).await
    }

    pub(crate) async fn get_public(&self, path: &str) -> Answer {
        ask(self.router.clone(), Method::GET, path, &[], None).await
    }

    // Selling and buying.

    pub(crate) async fn plan(&self, credits: Value) -> String {
        let answer = self.post("/api/v1/protocol/plans", &self.seller, plan_body(credits)).await.ok();
        answer["planId"].as_str().unwrap().to_owned()
    }

    /// A free plan of `granted` credits, of which a use takes what the route asks, 1 to 100.
    pub(crate) async fn ranged_plan(&self, granted: u64) -> String {
        self.plan(ranged(granted)).await
    }

    pub(crate) async fn order(&self, plan: &str) -> Value {
        self.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order"), &self.buyer).await.ok()
    }

    /// A free ranged plan that the buyer has ordered.
    pub(crate) async fn ordered_plan(&self, granted: u64) -> String {
        let plan = self.ranged_plan(granted).await;
        self.order(&plan).await;
        plan
    }

    pub(crate) async fn mint_token(&self, body: Value) -> Answer {
        self.post("/api/v1/x402/permissions", &self.buyer, body).await
    }

    /// A reusable token.
    pub(crate) async fn token(&self, plan: &str) -> String {
        text(&self.mint_token(json!({"accepted": accept(plan)})).await.ok()["accessToken"])
    }

    /// A single-use token for `POST /ask`.
    pub(crate) async fn token3(&self, plan: &str) -> String {
        text(&self.mint_token(permission3(plan)).await.ok()["accessToken"])
    }

    pub(crate) async fn verify(&self, call: Value) -> Answer {
        self.post("/api/v1/x402/verify", &self.seller, call).await
    }

    pub(crate) async fn settle(&self, call: Value) -> Answer {
        self.post("/api/v1/x402/settle", &self.seller, call).await
    }

    pub(crate) async fn release(&self, call: Value) -> Answer {
        self.post("/api/v1/x402/release", &self.seller, call).await
    }

    /// Verifies with a hold of 60 s and returns the request id.
    pub(crate) async fn hold(&self, token: &str, plan: &str, amount: &str) -> String {
        let answer = self.verify(held(pay(token, plan, amount), 60)).await.ok();
        assert_eq!(answer["isValid"], true, "{answer}");
        text(&answer["agentRequestId"])
    }

    // Looking at the ledger itself.

    pub(crate) fn plan_id(&self, plan: &str) -> Id<Plan> {
        let id: PublicId<Plan> = plan.parse().unwrap();
        assert_eq!(id.tenant, self.merchant);
        id.id
    }

    pub(crate) async fn account_of(&self, plan: &str, holder: Address) -> Option<Account> {
        let spec = AccountSpec::holder(self.merchant, self.plan_id(plan), holder);
        self.store.account(&spec).await.unwrap()
    }

    /// The buyer's posted and held credits.
    pub(crate) async fn credits(&self, plan: &str) -> (i64, i64) {
        let account = self.account_of(plan, self.buyer.account).await;
        account.map_or((0, 0), |account| (whole(account.posted), whole(account.held)))
    }

    /// The transfer of a request.
    pub(crate) async fn charge(&self, request_id: &str) -> Option<Transfer> {
        self.store.transfer(self.merchant, charge_id(request_id)).await.unwrap()
    }

    /// Every audit entry of the merchant as (action, actor), oldest first.
    pub(crate) async fn audit(&self) -> Vec<(String, String)> {
        let mut rows = self.store.audit(self.merchant, Page::first(1000)).await.unwrap();
        rows.reverse();
        let entries = |row: &farebox_store::AuditRow| -> Vec<Value> { serde_json::from_str(&row.entries).unwrap() };
        let entries = rows.iter().flat_map(entries);
        entries.map(|entry| (text(&entry["action"]), text(&entry["actor"]))).collect()
    }

    pub(crate) async fn count(&self, action: &str) -> usize {
        self.audit().await.iter().filter(|(done, _)| done == action).count()
    }
}

pub(crate) async fn ask(
    router: Router,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Answer {
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    send(router, method, path, headers, body).await
}

pub(crate) async fn send(
    router: Router,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let json = serde_json::from_slice(&bytes).unwrap_or_else(|_| panic!("not JSON: {bytes:?}"));
    Answer { status: parts.status, headers: parts.headers, json }
}

/// A request id that verify gave names the transfer itself.
pub(crate) fn charge_id(request_id: &str) -> TransferId {
    TransferId::from_uuid(uuid::Uuid::try_parse(request_id).unwrap())
}

pub(crate) fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

pub(crate) fn whole(micros: i64) -> i64 {
    assert_eq!(micros % Quantity::ONE.micros(), 0);
    micros / Quantity::ONE.micros()
}

// Setting up.

async fn add_merchant(store: &dyn Store, name: &str) -> Id<MerchantKind> {
    let at = Timestamp::from_seconds(START);
    let id = Id::generate();
    let row = Merchant { id, name: name.to_owned(), mode: Mode::Test, created_at: at };
    let record = Record {
        tenant: id,
        operation: OperationKey { scope: "test".to_owned(), key: name.to_owned() },
        request_hash: [0; 32],
        changes: vec![Change::Merchant(row)],
        answer: "{}".to_owned(),
        actor: Actor::new("test"),
        at,
    };
    assert_eq!(store.record(record).await.unwrap(), Recorded::Fresh);
    id
}

pub(crate) async fn person(store: &dyn Store, merchant: Id<MerchantKind>, role: Role) -> Person {
    let ring = Keyring::new(MASTER);
    let (key, row) = issue_api_key(store, &ring, merchant, role, Timestamp::from_seconds(START)).await.unwrap();
    Person { key: key.expose().to_owned(), account: row.account }
}

impl From<Secret> for Person {
    fn from(secret: Secret) -> Self {
        Self { key: secret.expose().to_owned(), account: Address::from_bytes([0; 20]) }
    }
}

impl World {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn with_database(admin: &str, name: &str) -> String {
    let (base, query) = admin.split_once('?').map_or((admin, None), |(base, query)| (base, Some(query)));
    let server = base.rsplit_once('/').filter(|(server, _)| server.contains("://") && !server.ends_with('/'));
    let server = server.map_or(base, |(server, _)| server);
    query.map_or_else(|| format!("{server}/{name}"), |query| format!("{server}/{name}?{query}"))
}

async fn admin_statement(admin: &str, statement: String) {
    let mut connection = sqlx::PgConnection::connect(admin).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
