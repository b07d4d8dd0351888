//! A facilitator's process, killed at any moment while it settles: each payment moves once, and what was answered stays true.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use farebox_evm::{
    Wallet,
    devchain::{DevChain, DevOptions, TOKEN},
    eip3009_payload,
    primitives::{Address, U256},
    typed::{Domain, TransferAuthorization},
};
use farebox_types::{Clock, Secret, SystemClock};
use serde_json::{Value, json};

use crate::{
    facilitator::{KEY, Running, facilitator},
    world::{Engine, World},
};

const ROUNDS: u64 = 8;
const CALLERS: usize = 12;
const UNITS: u64 = 1_000;

/// Every payment that was ever sent, by number, and the transaction it was told, if it was.
#[derive(Default)]
struct Told {
    payments: Vec<Value>,
    transactions: HashMap<usize, String>,
}

struct Street {
    chain: DevChain,
    buyer: Wallet,
    seller: Address,
    told: Mutex<Told>,
}

impl Street {
    async fn new() -> Self {
        let chain = DevChain::start(DevOptions::default()).await.unwrap();
        let wallet = |byte: u8| Wallet::new(&Secret::new(hex::encode([byte; 32]))).unwrap();
        let buyer = wallet(7);
        let signer = Wallet::new(&Secret::new(KEY.into())).unwrap();
        chain.fund(&signer.address(), 1_000_000_000_000_000_000).await.unwrap();
        chain.mint(&buyer.address(), 1_000_000_000.into()).await.unwrap();
        Self { chain, seller: Address::new(*wallet(8).address().bytes()), buyer, told: Mutex::default() }
    }

    /// A payment that nobody has seen, and its number.
    fn pay(&self) -> (usize, Value) {
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).unwrap();
        let transfer = TransferAuthorization {
            from: Address::new(*self.buyer.address().bytes()),
            to: self.seller,
            value: U256::from(UNITS),
            valid_after: U256::ZERO,
            valid_before: U256::from(SystemClock.now().seconds() + 600),
            nonce: nonce.into(),
        };
        let domain = Domain::token("USDC", "2", 84_532, TOKEN);
        let payload = eip3009_payload(&transfer, &self.buyer.sign(transfer.digest(&domain)));
        let required = json!({
            "scheme": "exact", "network": "eip155:84532", "amount": UNITS.to_string(), "asset": TOKEN.to_string(),
            "payTo": self.seller.to_string(), "maxTimeoutSeconds": 600, "extra": {"name": "USDC", "version": "2"},
        });
        let body = json!({
            "x402Version": 2,
            "paymentPayload": {"x402Version": 2, "accepted": required, "payload": payload},
            "paymentRequirements": required,
        });
        let mut told = self.told.lock().unwrap();
        told.payments.push(body.clone());
        (told.payments.len() - 1, body)
    }

    /// Remembers a success; one that was told before must be told again as it was.
    fn hear(&self, number: usize, answer: &Value) -> bool {
        if answer["success"] != json!(true) {
            return false;
        }
        let transaction = answer["transaction"].as_str().unwrap().to_owned();
        let mut told = self.told.lock().unwrap();
        let before = told.transactions.entry(number).or_insert_with(|| transaction.clone());
        assert_eq!(*before, transaction, "payment {number} was told another transaction before");
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_while_settling_pays_each_payment_once_on_sqlite() {
    rounds(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_while_settling_pays_each_payment_once_on_postgres() {
    rounds(Engine::Postgres).await;
}

async fn rounds(engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let street = Arc::new(Street::new().await);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    for round in 0..ROUNDS {
        let running = Running::start(facilitator(&world, street.chain.url(), &[]));
        let url = format!("{}/settle", running.url());
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| tokio::spawn(settle_until_it_dies(Arc::clone(&street), http.clone(), url.clone())))
            .collect();
        // Somewhere in the middle of things, elsewhere each round.
        tokio::time::sleep(Duration::from_millis(60 + round * 53 % 240)).await;
        drop(running);
        for caller in callers {
            caller.await.unwrap();
        }
        world.assert_clean();
    }
    everything_is_settled_once(&world, &street, &http).await;
    world.finish().await;
}

async fn settle_until_it_dies(street: Arc<Street>, http: reqwest::Client, url: String) {
    loop {
        let (number, body) = street.pay();
        let Ok(answer) = http.post(&url).json(&body).send().await else { return };
        let Ok(answer) = answer.json::<Value>().await else { return };
        street.hear(number, &answer);
    }
}

/// Whatever was ever sent is asked about until it is known: it is settled, by one transfer each.
async fn everything_is_settled_once(world: &World, street: &Street, http: &reqwest::Client) {
    let running = Running::start(facilitator(world, street.chain.url(), &[]));
    let url = format!("{}/settle", running.url());
    let payments = street.told.lock().unwrap().payments.clone();
    for (number, body) in payments.iter().enumerate() {
        let mut tries = 0;
        loop {
            let answer: Value = http.post(&url).json(body).send().await.unwrap().json().await.unwrap();
            if street.hear(number, &answer) {
                break;
            }
            tries += 1;
            assert!(tries < 60, "payment {number} stayed unknown: {answer}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let earned = street.chain.balance(&farebox_types::Address::from_bytes(street.seller.into_array())).await.unwrap();
    assert_eq!(earned, (UNITS * payments.len() as u64).into(), "{} payments", payments.len());
    assert!(payments.len() > CALLERS, "the rounds were too short to show anything");
    running.terminate();
    world.assert_clean();
}
