//! The gate, the backend and the store in this process, behind real HTTP: a paid API whose handler counts its runs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::post};
use farebox_gate::{Gate, Route};
use farebox_server::{Backend, Keyring, issue_api_key, router};
use farebox_store::{ApiKey, Change, Database, Merchant, OperationKey, Record, Role, Store};
use farebox_types::{Clock, Id, ManualClock, Mode, SystemClock};
use serde_json::json;
use tokio::net::TcpListener;

use crate::world::{Client, World};

pub(crate) struct Stack {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<ManualClock>,
    keyring: Keyring,
    backend_url: String,
    backend: Backend,
}

/// A merchant with a seller, a buyer and a plan.
pub(crate) struct Shop {
    pub(crate) seller: Client,
    pub(crate) buyer: Client,
    pub(crate) account: String,
    pub(crate) plan: String,
}

/// A paid API; `runs` counts its handler.
pub(crate) struct Api {
    pub(crate) url: String,
    pub(crate) runs: Arc<AtomicUsize>,
}

impl Stack {
    pub(crate) async fn new(world: &World) -> Self {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let store = Database::open(&world.database_url.parse().unwrap(), clock.clone()).await.unwrap();
        store.migrate().await.unwrap();
        let keyring = Keyring::new([9; 32]);
        let backend = Backend::new(Arc::clone(&store), clock.clone(), Keyring::new([9; 32]));
        let backend_url = listen(router(backend.clone())).await;
        Self { store, clock, keyring, backend_url, backend }
    }

    /// A new merchant; its plan grants `credits`.
    pub(crate) async fn shop(&self, name: &str, credits: u64) -> Shop {
        let merchant =
            Merchant { id: Id::generate(), name: name.into(), mode: Mode::Test, created_at: self.clock.now() };
        let record = Record {
            tenant: merchant.id,
            operation: OperationKey { scope: "test".into(), key: name.into() },
            request_hash: [0; 32],
            changes: vec![Change::Merchant(merchant.clone())],
            answer: "{}".into(),
            actor: farebox_engine::ledger::Actor::new("test"),
            at: self.clock.now(),
        };
        self.store.record(record).await.unwrap();
        let (seller, _) = self.key(&merchant, Role::Seller).await;
        let (buyer, row) = self.key(&merchant, Role::Buyer).await;
        let plan = seller.register_plan(credits).await;
        buyer.order(&plan).await;
        Shop { seller, buyer, account: row.account.to_string(), plan }
    }

    async fn key(&self, merchant: &Merchant, role: Role) -> (Client, ApiKey) {
        let (key, row) = issue_api_key(&*self.store, &self.keyring, merchant.id, role, self.clock.now()).await.unwrap();
        (Client::new(&self.backend_url, key.expose()), row)
    }

    /// An API that takes a credit of `plan` for `POST /ask`.
    pub(crate) async fn api(&self, plan: &str) -> Api {
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&runs);
        let ask = async move || {
            counter.fetch_add(1, Ordering::SeqCst);
            // Long enough for every parallel request to arrive meanwhile.
            tokio::time::sleep(Duration::from_millis(20)).await;
            "an answer"
        };
        let gate = Gate::builder().facilitator(Arc::new(self.backend.clone())).mode(Mode::Test);
        let gate = gate.route("POST /ask", Route::credits(plan)).build().unwrap();
        Api { url: listen(Router::new().route("/ask", post(ask)).layer(gate)).await, runs }
    }

    /// Ends the stack: everything must agree.
    pub(crate) async fn finish(self) {
        let report = self.store.verify().await.unwrap();
        assert!(report.is_clean(), "{:?}", report.differences);
        self.store.close().await;
    }
}

impl Api {
    /// One request with this payment header; its status, and whether it has a receipt.
    pub(crate) async fn ask(&self, http: &reqwest::Client, token: &[u8]) -> (u16, String) {
        let header = reqwest::header::HeaderValue::from_bytes(token).unwrap();
        let answer = http.post(format!("{}/ask", self.url)).header("payment-signature", header).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
}

impl Shop {
    pub(crate) async fn balance(&self) -> u64 {
        self.seller.balance(&self.plan, &self.account).await
    }

    /// A token that pays for one `POST /ask`.
    pub(crate) async fn single_use_token(&self) -> String {
        let body = json!({
            "accepted": {"scheme": "nvm:erc4337", "network": "eip155:84532", "planId": self.plan, "extra": {"httpVerb": "POST"}},
            "resource": {"url": "/ask"},
            "tokenVersion": 3,
        });
        let (status, answer) = self.buyer.post("/x402/permissions", &body).await.unwrap();
        assert_eq!(status, 200, "{answer}");
        answer["accessToken"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn reusable_token(&self) -> String {
        self.buyer.token(&self.plan).await
    }
}

async fn listen(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}
