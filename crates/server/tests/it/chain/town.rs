//! A facilitator with its database and its signer, on the chain of tests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use farebox_engine::ledger::Actor;
use farebox_evm::{Wallet, primitives::Address};
use farebox_server::facilitator::{ChainOptions, Facilitating};
use farebox_store::{Change, Database, DatabaseUrl, Merchant, OperationKey, Record, Store};
use farebox_types::{Clock, Id, Merchant as MerchantKind, Mode, SystemClock, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    sync::oneshot,
};

use super::{
    people::{USDC, address, body, wallet},
    rpc::rpc,
};

pub(super) struct Town {
    clock: Arc<Ahead>,
    chain: Option<Child>,
    pub(super) url: String,
    pub(super) store: Arc<dyn Store>,
    pub(super) merchant: Id<MerchantKind>,
    pub(super) signer: Wallet,
    pub(super) payer: Wallet,
    pub(super) seller: Address,
    folder: TempDir,
}

/// The machine's clock, moved forward: leases end when a test says so.
#[derive(Default)]
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().after(Duration::from_micros(self.0.load(Ordering::SeqCst).unsigned_abs()))
    }
}

/// A facilitator that runs until it is killed or closed.
pub(super) struct Running {
    pub(super) facilitating: Facilitating,
    stop: Option<oneshot::Sender<()>>,
}

impl Running {
    /// The process is gone: nothing it had in hand goes on, and nothing is said to anybody.
    pub(super) fn stop(mut self) {
        drop(self.stop.take());
    }
}

impl Town {
    /// `None` without a chain.
    #[expect(clippy::disallowed_methods, reason = "tests take their chain from the environment")]
    pub(super) async fn new() -> Option<Self> {
        let Ok(url) = std::env::var("FAREBOX_TEST_ANVIL") else {
            assert!(std::env::var("CI").is_err(), "FAREBOX_TEST_ANVIL must name a chain in CI");
            eprintln!("skipped: FAREBOX_TEST_ANVIL is not set; `./x test` starts a chain and sets it");
            return None;
        };
        Some(Self::at(url, None).await)
    }

    /// On a chain that nobody else uses, whose blocks may be undone.
    #[expect(clippy::disallowed_methods, reason = "tests take their chain from the environment")]
    pub(super) async fn with_a_chain_of_its_own() -> Option<Self> {
        let Ok(anvil) = std::env::var("FAREBOX_TEST_ANVIL_BIN") else {
            eprintln!("skipped: FAREBOX_TEST_ANVIL_BIN is not set; `./x test` sets it");
            return None;
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(anvil);
        command.args(["--silent", "--host", "127.0.0.1", "--chain-id", "84532", "--port", &port.to_string()]);
        let chain = command.kill_on_drop(true).spawn().unwrap();
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let url = format!("http://127.0.0.1:{port}");
        let code = include_str!("../../../../evm/contracts/artifacts/TestUsd.hex").trim();
        rpc(&url, "anvil_setCode", json!([USDC, format!("0x{code}")])).await;
        Some(Self::at(url, Some(chain)).await)
    }

    /// Another facilitator, with a database and a signer of its own, on the same chain.
    pub(super) async fn beside(&self) -> Self {
        Self::at(self.url.clone(), None).await
    }

    async fn at(url: String, chain: Option<Child>) -> Self {
        let clock = Arc::new(Ahead::default());
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, Arc::clone(&clock)).await;
        store.migrate().await.unwrap();
        let merchant = Id::generate();
        let row = Merchant { id: merchant, name: "town".into(), mode: Mode::Test, created_at: SystemClock.now() };
        let record = Record {
            tenant: merchant,
            operation: OperationKey { scope: "test".into(), key: "town".into() },
            request_hash: [0; 32],
            changes: vec![Change::Merchant(row)],
            answer: String::new(),
            actor: Actor::new("test"),
            at: SystemClock.now(),
        };
        store.record(record).await.unwrap();
        let (signer, payer) = (wallet(), wallet());
        let town = Self { clock, chain, url, store, merchant, signer, payer, seller: address(&wallet()), folder };
        town.gas_for(&town.signer).await;
        town.mint(&town.payer, 100_000_000).await;
        town
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }

    /// Time passes for the facilitator and its store.
    pub(super) fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }

    pub(super) async fn gas_for(&self, wallet: &Wallet) {
        self.rpc("anvil_setBalance", json!([wallet.address().to_string(), "0xde0b6b3a7640000"])).await;
    }

    pub(super) async fn mint(&self, to: &Wallet, amount: u64) {
        let from = to.address().to_string();
        self.gas_for(to).await;
        self.rpc("anvil_impersonateAccount", json!([from])).await;
        let data = format!("0x40c10f19{:0>64}{amount:064x}", from.trim_start_matches("0x"));
        let hash = self.rpc("eth_sendTransaction", json!([{"from": from, "to": USDC, "data": data}])).await;
        while self.rpc("eth_getTransactionReceipt", json!([hash])).await.is_null() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn rpc(&self, method: &str, params: Value) -> Value {
        rpc(&self.url, method, params).await
    }

    /// What the seller has, in atomic units.
    pub(super) async fn takings(&self) -> u64 {
        let data = format!("0x70a08231{:0>64}", hex::encode(self.seller));
        let word = self.rpc("eth_call", json!([{"to": USDC, "data": data}, "latest"])).await;
        u64::from_str_radix(word.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    /// How many transactions the signer has in blocks.
    pub(super) async fn sent(&self) -> u64 {
        let count = self.rpc("eth_getTransactionCount", json!([self.signer.address().to_string(), "latest"])).await;
        u64::from_str_radix(count.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
    }

    pub(super) fn pay(&self, amount: u64) -> Value {
        body(&self.payer, self.seller, amount)
    }

    pub(super) fn options(&self) -> ChainOptions {
        ChainOptions::new("eip155:84532", vec![self.url.clone()], vec![self.signer.clone()])
    }

    pub(super) fn open(&self) -> Running {
        self.open_with(self.options())
    }

    pub(super) fn open_with(&self, options: ChainOptions) -> Running {
        let store = Arc::clone(&self.store);
        let facilitating = Facilitating::new(store, self.clock(), self.merchant, vec![options]).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let running = facilitating.clone();
        tokio::spawn(running.run(async {
            let _ = stopped.await;
        }));
        Running { facilitating, stop: Some(stop) }
    }

    /// The ledger agrees with the payments, and with itself.
    pub(super) async fn finish(self) {
        let report = self.store.verify().await.unwrap();
        assert!(report.is_clean(), "{:?}", report.differences);
        self.store.close().await;
        drop(self.folder);
        drop(self.chain);
    }
}

async fn open(folder: &TempDir, clock: Arc<Ahead>) -> Arc<dyn Store> {
    let url: DatabaseUrl = format!("sqlite:{}", folder.path().join("town.db").display()).parse().unwrap();
    Database::open(&url, clock).await.unwrap()
}
