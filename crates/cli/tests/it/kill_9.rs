//! A real process, killed at any moment: what it answered is there, and nothing was burned twice.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use crate::world::{Client, Engine, World, payment};

const ROUNDS: u64 = 20;
const CALLERS: usize = 12;
const CREDITS: u64 = 1_000_000;
const HOLD_SECONDS: u32 = 3;

/// What the callers of all rounds were told, and what they still do not know.
#[derive(Default)]
struct Told {
    receipts: HashMap<String, Value>,
    unknown: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_nothing_acknowledged_and_burns_nothing_twice_on_sqlite() {
    rounds(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_loses_nothing_acknowledged_and_burns_nothing_twice_on_postgres() {
    rounds(Engine::Postgres).await;
}

async fn rounds(engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    let keys = world.keys();
    let server = world.serve();
    let plan = Client::new(&server.url, &keys.seller).register_plan(CREDITS).await;
    let buyer = Client::new(&server.url, &keys.buyer);
    buyer.order(&plan).await;
    let token = buyer.token(&plan).await;
    let told = Arc::new(Mutex::new(Told::default()));

    let mut server = Some(server);
    for round in 0..ROUNDS {
        let running = server.take().unwrap_or_else(|| world.serve());
        let seller = Client::new(&running.url, &keys.seller);
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| tokio::spawn(pay_until_it_dies(seller.clone(), payment(&plan, &token), Arc::clone(&told))))
            .collect();
        // Somewhere in the middle of things, elsewhere each round.
        tokio::time::sleep(Duration::from_millis(40 + round * 37 % 230)).await;
        running.kill();
        for caller in callers {
            caller.await.unwrap();
        }
        world.assert_clean();
        let restarted = world.serve();
        settle_what_is_unknown(&Client::new(&restarted.url, &keys.seller), &payment(&plan, &token), &told).await;
        server = Some(restarted);
    }

    let server = server.take().unwrap();
    let seller = Client::new(&server.url, &keys.seller);
    let receipts = told.lock().unwrap().receipts.clone();
    assert!(receipts.len() > 100, "only {} payments were made: the test shows nothing", receipts.len());
    for (id, receipt) in &receipts {
        assert_eq!(&settle(&seller, &payment(&plan, &token), id).await.unwrap(), receipt, "another receipt for {id}");
    }
    // Holds whose verify was never answered run out; after that only what was settled is gone.
    tokio::time::sleep(Duration::from_secs(u64::from(HOLD_SECONDS) + 1)).await;
    let settled = u64::try_from(receipts.len()).unwrap();
    assert_eq!(seller.balance(&plan, &keys.account).await, CREDITS - settled);
    assert_eq!(server.terminate(), Some(0), "SIGTERM ends it in order");
    world.finish().await;
}

async fn pay_until_it_dies(seller: Client, payment: Value, told: Arc<Mutex<Told>>) {
    let mut hold = payment.clone();
    hold["hold"] = json!({"ttlSeconds": HOLD_SECONDS});
    loop {
        let Ok((status, verified)) = seller.post("/x402/verify", &hold).await else { return };
        assert_eq!((status, &verified["isValid"]), (200, &json!(true)), "{verified}");
        let id = verified["agentRequestId"].as_str().unwrap().to_owned();
        match settle(&seller, &payment, &id).await {
            Some(receipt) => {
                let before = told.lock().unwrap().receipts.insert(id.clone(), receipt);
                assert!(before.is_none(), "the id {id} was handed out twice");
            }
            None => {
                told.lock().unwrap().unknown.push(id);
                return;
            }
        }
    }
}

/// The receipt; `None` if no answer came.
async fn settle(seller: &Client, payment: &Value, id: &str) -> Option<Value> {
    let mut body = payment.clone();
    body["agentRequestId"] = json!(id);
    let (status, receipt) = seller.post("/x402/settle", &body).await.ok()?;
    assert_eq!((status, &receipt["success"]), (200, &json!(true)), "{receipt}");
    Some(receipt)
}

async fn settle_what_is_unknown(seller: &Client, payment: &Value, told: &Arc<Mutex<Told>>) {
    let unknown = std::mem::take(&mut told.lock().unwrap().unknown);
    for id in unknown {
        let receipt = settle(seller, payment, &id).await.expect("a fresh server answers");
        assert!(told.lock().unwrap().receipts.insert(id, receipt).is_none());
    }
}
