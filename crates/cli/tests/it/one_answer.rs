//! One authorization at several servers: one handler runs, one transfer moves, and everybody who brings it gets one answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::post};
use farebox_evm::{
    Wallet,
    devchain::{DevChain, DevOptions, TOKEN},
    eip3009_payload,
    primitives::{Address, U256},
    typed::{Domain, TransferAuthorization},
};
use farebox_gate::{Gate, Route, answers::SqlAnswers};
use farebox_store::Database;
use farebox_types::{Clock, Id, Merchant, Mode, Secret, SystemClock};
use farebox_x402::{
    Dialect, Family, PaymentPayload, PaymentRequired,
    client::{ChainFacilitator, FacilitatorClient, FacilitatorConfig},
    header,
    price::Price,
};
use serde_json::Map;

use crate::{
    facilitator::{KEY, Running, facilitator},
    world::{Engine, World},
};

const UNITS: u64 = 10_000;

struct Market {
    world: World,
    chain: DevChain,
    buyer: Wallet,
    seller: Wallet,
    tenant: Id<Merchant>,
    runs: Arc<AtomicUsize>,
    http: reqwest::Client,
}

impl Market {
    async fn new(engine: Engine) -> Option<Self> {
        let world = World::new(engine).await?;
        let chain = DevChain::start(DevOptions::default()).await.unwrap();
        let wallet = |byte: u8| Wallet::new(&Secret::new(hex::encode([byte; 32]))).unwrap();
        let signer = Wallet::new(&Secret::new(KEY.into())).unwrap();
        chain.fund(&signer.address(), 1_000_000_000_000_000_000).await.unwrap();
        let (buyer, seller) = (wallet(7), wallet(8));
        chain.mint(&buyer.address(), 1_000_000.into()).await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Some(Self { world, chain, buyer, seller, tenant: Id::generate(), runs: Arc::default(), http })
    }

    /// A server of its own: its own connections to the database, its own gate.
    async fn server(&self, database_url: &str, facilitator: &str) -> String {
        let store = Database::open(&database_url.parse().unwrap(), Arc::new(SystemClock)).await.unwrap();
        store.migrate().await.unwrap();
        let answers = Arc::new(SqlAnswers::new(store, self.tenant, &[9; 32]));
        let client = FacilitatorClient::new(FacilitatorConfig::new(facilitator)).unwrap();
        let extra = Map::from_iter([("name".into(), "USDC".into()), ("version".into(), "2".into())]);
        let price = Price::Token { amount: UNITS.into(), asset: TOKEN.to_string(), extra };
        let route = Route::exact(price).pay_to(self.seller.address().to_string()).network("eip155:84532");
        let gate = Gate::builder().chain(Arc::new(ChainFacilitator::new([client]))).mode(Mode::Test).answers(answers);
        let gate = gate.route("POST /paid", route).build().unwrap();
        let runs = Arc::clone(&self.runs);
        let handler = post(move || async move {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(150)).await;
            format!("answer {run}")
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/paid", listener.local_addr().unwrap());
        let app = Router::new().route("/paid", handler).layer(gate);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }

    /// One authorization for what the server offers.
    async fn sign(&self, url: &str) -> PaymentPayload {
        let unpaid = self.http.post(url).send().await.unwrap();
        let offer: PaymentRequired = header::decode(unpaid.headers()["payment-required"].as_bytes()).unwrap();
        let required = offer.accepts[0].chain().unwrap().clone();
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).unwrap();
        let address = |wallet: &Wallet| Address::new(*wallet.address().bytes());
        let transfer = TransferAuthorization {
            from: address(&self.buyer),
            to: address(&self.seller),
            value: U256::from(UNITS),
            valid_after: U256::ZERO,
            valid_before: U256::from(SystemClock.now().seconds() + 250),
            nonce: nonce.into(),
        };
        let signature = self.buyer.sign(transfer.digest(&Domain::token("USDC", "2", 84_532, TOKEN)));
        let payload = PaymentPayload::object(&eip3009_payload(&transfer, &signature)).unwrap();
        PaymentPayload::v2(Family::X402, required, payload)
    }

    async fn earned(&self) -> u64 {
        let earned = self.chain.balance(&self.seller.address()).await.unwrap();
        earned.to_string().parse().unwrap()
    }
}

async fn send(http: reqwest::Client, url: String, payment: PaymentPayload) -> (u16, String, bool) {
    let request = http.post(url).header(payment.header_name(), payment.to_header());
    let answer = request.body("the question").send().await.unwrap();
    let receipt =
        answer.headers().contains_key("payment-response") || answer.headers().contains_key("x-payment-response");
    (answer.status().as_u16(), answer.text().await.unwrap(), receipt)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_with_one_authorization_at_two_servers_on_one_database_get_one_answer() {
    let Some(market) = Market::new(Engine::Postgres).await else { return };
    let running = Running::start(facilitator(&market.world, market.chain.url(), &[]));
    let mut servers = Vec::new();
    for _ in 0..2 {
        servers.push(market.server(&market.world.database_url, running.url()).await);
    }
    let payment = market.sign(&servers[0]).await;
    let older = PaymentPayload { dialect: Dialect::T402_V1, accepted: None, ..payment.clone() };
    let sending: Vec<_> = (0..100)
        .map(|at| {
            let payment = if at % 4 < 2 { payment.clone() } else { older.clone() };
            tokio::spawn(send(market.http.clone(), servers[at % 2].clone(), payment))
        })
        .collect();
    for sent in sending {
        assert_eq!(sent.await.unwrap(), (200, "answer 0".to_owned(), true));
    }
    assert_eq!((market.runs.load(Ordering::SeqCst), market.earned().await), (1, UNITS));

    let later = market.server(&market.world.database_url, running.url()).await;
    let again = send(market.http.clone(), later, payment.clone()).await;
    assert_eq!(again, (200, "answer 0".to_owned(), true), "a server that started later gives the same answer");
    let other = market.http.post(&servers[1]).header(payment.header_name(), payment.to_header()).body("another");
    assert_eq!(other.send().await.unwrap().status(), 409);
    assert_eq!((market.runs.load(Ordering::SeqCst), market.earned().await), (1, UNITS));
    running.terminate();
    market.world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_in_a_file_outlives_its_server() {
    let Some(market) = Market::new(Engine::Sqlite).await else { return };
    let running = Running::start(facilitator(&market.world, market.chain.url(), &[]));
    let own = format!("sqlite:{}", market.world.folder.path().join("answers.db").display());
    let first = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let facilitator_url = running.url().to_owned();
    let market = Arc::new(market);
    let (at_first, own_url) = (Arc::clone(&market), own.clone());
    let url = facilitator_url.clone();
    let starting = first.spawn(async move { at_first.server(&own_url, &url).await });
    let server = starting.await.unwrap();
    let payment = market.sign(&server).await;
    let answer = send(market.http.clone(), server, payment.clone()).await;
    assert_eq!(answer, (200, "answer 0".to_owned(), true));
    // Everything that the server had in memory ends with its runtime.
    first.shutdown_background();
    while Database::open(&own.parse().unwrap(), Arc::new(SystemClock)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let server = market.server(&own, &facilitator_url).await;
    assert_eq!(send(market.http.clone(), server, payment).await, answer);
    assert_eq!((market.runs.load(Ordering::SeqCst), market.earned().await), (1, UNITS));
    running.terminate();
    if let Some(market) = Arc::into_inner(market) {
        market.world.finish().await;
    }
}
