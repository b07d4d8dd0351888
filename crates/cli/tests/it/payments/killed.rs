//! `kill -9` of the server at every await of every write, and at random: one effect or none, and never two.

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tokio::task::{JoinHandle, JoinSet};

use super::{
    street::{Caller, Said, Street, approve, held_order, on_both_streets, order},
    wire::{Flow, Wire},
};

on_both_streets! {
    async fn kill_9_at_every_await_of_every_write_leaves_one_effect_or_none(street: &Street) {
        let before = at_the_intent(street).await;
        let mut after = while_held(street, "asked", Flow::HoldsRequests).await;
        after.extend(during_the_call(street).await);
        after.extend(while_held(street, "carried_out", Flow::HoldsAnswers).await);
        after.extend(at_the_outcome(street).await);
        after.extend(before_the_answer(street).await);

        let caller = street.caller();
        let mut ends = JoinSet::new();
        for (write, known) in before.into_iter().map(|one| (one, false)).chain(after.into_iter().map(|one| (one, true))) {
            ends.spawn(write.ends_well(caller.clone(), known));
        }
        for created in ends.join_all().await.into_iter().flatten() {
            assert_eq!(street.charges(&created).await, 1, "{created}");
        }
    }

    async fn kill_9_at_random_under_load_leaves_one_charge_for_each_order(street: &Street) {
        let mut orders: HashMap<String, Option<String>> = HashMap::new();
        for round in 0..6_u64 {
            let callers: Vec<_> =
                (0..6).map(|who| tokio::spawn(pay_until_it_dies(street.caller(), format!("{round}/{who}")))).collect();
            // Somewhere in the middle of things, elsewhere each round.
            tokio::time::sleep(Duration::from_millis(250 + round * 137 % 400)).await;
            street.kill();
            for caller in callers {
                orders.extend(caller.await.unwrap());
            }
            street.serve();
        }
        assert!(orders.len() > 40, "only {} orders were made: the test shows nothing", orders.len());
        let caller = street.caller();
        let mut ends = JoinSet::new();
        for (key, told) in orders.clone() {
            ends.spawn(paid_once(caller.clone(), key, told));
        }
        let mut ids = ends.join_all().await;
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), orders.len(), "one payment for each order");
        let theirs = street.provider();
        let (mut made, mut after) = (0, String::new());
        loop {
            let page = theirs.get(&format!("/v1/payments?since=0{after}")).await.body;
            made += page["data"].as_array().unwrap().len();
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        assert_eq!(made, ids.len(), "the provider made as many");
    }
}

/// A write by a caller who will ask again under the same name.
struct Write {
    what: &'static str,
    key: String,
    path: String,
    body: Value,
    /// What it is about, unless it makes it.
    payment: Option<String>,
    /// Where its payer has yet to approve.
    page: Option<String>,
}

impl Write {
    fn sent(&self, caller: &Caller) -> JoinHandle<Option<Said>> {
        let (caller, path, key, body) = (caller.clone(), self.path.clone(), self.key.clone(), self.body.clone());
        tokio::spawn(async move { caller.post(&path, Some(&key), &body).await })
    }

    /// Asks again, and waits for the end; the payment that it made, if it made one.
    async fn ends_well(self, caller: Caller, known: bool) -> Option<String> {
        let said = caller.post(&self.path, Some(&self.key), &self.body).await.unwrap();
        let told = format!("{} {}: {said:?}", self.what, self.key);
        assert!([200, 202].contains(&said.status) && said.replayed == known, "{told}");
        let id = self.payment.clone().unwrap_or_else(|| said.id());
        let (status, captured, refunded, asked) = match self.what {
            "create" => ("succeeded", 4999, 0, "payment_created"),
            "confirm" => ("succeeded", 4999, 0, "confirm_asked"),
            "capture" => ("succeeded", 1000, 0, "capture_asked"),
            "cancel" => ("canceled", 0, 0, "cancel_asked"),
            _ => ("partially_refunded", 4999, 999, "refund_asked"),
        };
        if let Some(page) = &self.page {
            approve(page).await;
        }
        let read = caller.until(&id, status).await;
        assert_eq!((&read["captured_minor"], &read["refunded_minor"]), (&json!(captured), &json!(refunded)), "{told}");
        let trail = caller.trail(&id).await;
        assert_eq!(trail.iter().filter(|word| *word == asked).count(), 1, "{told}: {trail:?}");
        let again = caller.post(&self.path, Some(&self.key), &self.body).await.unwrap();
        assert!(again.replayed && again.status < 300, "{told}: {again:?}");
        self.payment.is_none().then_some(id)
    }
}

/// One write of each kind, with what must be there before it.
async fn writes(caller: &Caller, point: &str, method: &str) -> Vec<Write> {
    let write = |what: &'static str, path: String, body: Value, payment: Option<String>| Write {
        what,
        key: format!("{what}-{point}"),
        path,
        body,
        payment,
        page: None,
    };
    let held = held_order(method);
    let to_refund = order(method);
    let asks = order("pm_sim_3ds_webhook_lost");
    let (captured, canceled, refunded, confirmed) = tokio::join!(
        caller.post("/payments", None, &held),
        caller.post("/payments", None, &held),
        caller.post("/payments", None, &to_refund),
        caller.post("/payments", None, &asks),
    );
    let about = |what, said: Option<Said>, verb: &str, body: Value| {
        let said = said.unwrap();
        let page = said.body["action"]["url"].as_str().map(ToOwned::to_owned);
        Write { page, ..write(what, format!("/payments/{}/{verb}", said.id()), body, Some(said.id())) }
    };
    vec![
        write("create", "/payments".to_owned(), order(method), None),
        about("capture", captured, "capture", json!({"amount_minor": 1000})),
        about("cancel", canceled, "cancel", json!({})),
        about("refund", refunded, "refunds", json!({"amount_minor": 999})),
        about("confirm", confirmed, "confirm", json!({})),
    ]
}

/// Ends the server while they wait, and starts it again.
async fn die(street: &Street, sent: Vec<JoinHandle<Option<Said>>>) {
    street.kill();
    street.wire.set(Flow::Cut);
    for caller in sent {
        let said = caller.await.unwrap();
        assert!(said.is_none(), "it was answered before the server died: {said:?}");
    }
    street.wire.set(Flow::Open);
    street.serve();
}

/// Before anything is written: the database does not let the intent commit.
async fn at_the_intent(street: &Street) -> Vec<Write> {
    let caller = street.caller();
    let writes = writes(&caller, "intent", "pm_sim_ok").await;
    let hold = Hold::of(street).await;
    let sent = writes.iter().map(|write| write.sent(&caller)).collect();
    tokio::time::sleep(Duration::from_millis(800)).await;
    die_held(street, sent, hold).await;
    writes
}

/// After the intent, before the call took effect; or after it did, before its outcome is known here.
async fn while_held(street: &Street, point: &str, flow: Flow) -> Vec<Write> {
    let caller = street.caller();
    let writes = writes(&caller, point, "pm_sim_ok").await;
    street.wire.set(flow);
    let sent = writes.iter().map(|write| write.sent(&caller)).collect();
    street.wire.holds(writes.len()).await;
    die(street, sent).await;
    writes
}

/// While the provider is at it.
async fn during_the_call(street: &Street) -> Vec<Write> {
    let caller = street.caller();
    let mut writes = writes(&caller, "call", "pm_sim_slow").await;
    // The payer's word is taken at once.
    writes.retain(|write| write.what != "confirm");
    let sent = writes.iter().map(|write| write.sent(&caller)).collect();
    tokio::time::sleep(Duration::from_millis(800)).await;
    die(street, sent).await;
    writes
}

/// The provider has answered, and the database does not let the outcome commit.
async fn at_the_outcome(street: &Street) -> Vec<Write> {
    let caller = street.caller();
    let writes = writes(&caller, "outcome", "pm_sim_ok").await;
    street.wire.set(Flow::HoldsAnswers);
    let sent = writes.iter().map(|write| write.sent(&caller)).collect();
    street.wire.holds(writes.len()).await;
    let hold = Hold::of(street).await;
    street.wire.set(Flow::Open);
    tokio::time::sleep(Duration::from_millis(800)).await;
    die_held(street, sent, hold).await;
    writes
}

/// The outcome is written, and its answer has not reached the caller.
async fn before_the_answer(street: &Street) -> Vec<Write> {
    let writes = writes(&street.caller(), "answer", "pm_sim_ok").await;
    let line = Wire::to(street.url().strip_prefix("http://").unwrap().parse().unwrap()).await;
    line.set(Flow::HoldsAnswers);
    let caller = street.caller_at(&line.url);
    let sent: Vec<_> = writes.iter().map(|write| write.sent(&caller)).collect();
    line.holds(writes.len()).await;
    street.kill();
    line.set(Flow::Cut);
    for caller in sent {
        assert!(caller.await.unwrap().is_none());
    }
    street.serve();
    writes
}

async fn die_held(street: &Street, sent: Vec<JoinHandle<Option<Said>>>, hold: Hold) {
    assert!(sent.iter().all(|caller| !caller.is_finished()), "the database is held");
    street.kill();
    hold.let_go().await;
    street.wire.set(Flow::Cut);
    for caller in sent {
        assert!(caller.await.unwrap().is_none());
    }
    street.wire.set(Flow::Open);
    street.serve();
}

/// Somebody else's transaction, which lets nobody write payments.
enum Hold {
    Sqlite(rusqlite::Connection),
    Postgres(Box<PgConnection>),
}

impl Hold {
    async fn of(street: &Street) -> Self {
        match street.world.database_url.strip_prefix("sqlite:") {
            Some(file) => {
                let connection = rusqlite::Connection::open(file).unwrap();
                connection.busy_timeout(Duration::from_secs(5)).unwrap();
                connection.execute_batch("BEGIN IMMEDIATE").unwrap();
                Self::Sqlite(connection)
            }
            None => {
                let mut connection = PgConnection::connect(&street.world.database_url).await.unwrap();
                connection.execute("BEGIN").await.unwrap();
                connection.execute("LOCK TABLE payment IN EXCLUSIVE MODE").await.unwrap();
                Self::Postgres(Box::new(connection))
            }
        }
    }

    async fn let_go(self) {
        match self {
            Self::Sqlite(connection) => connection.execute_batch("ROLLBACK").unwrap(),
            Self::Postgres(connection) => connection.close().await.unwrap(),
        }
    }
}

const METHODS: [&str; 4] = ["pm_sim_ok", "pm_sim_declined", "pm_sim_processing", "pm_sim_500_after"];

fn method(key: &str) -> &'static str {
    METHODS[key.bytes().map(usize::from).sum::<usize>() % METHODS.len()]
}

/// Every order that was sent, and the payment that it was told, if it was.
async fn pay_until_it_dies(caller: Caller, name: String) -> HashMap<String, Option<String>> {
    let mut orders = HashMap::new();
    for number in 0.. {
        let key = format!("{name}/{number}");
        let said = caller.post("/payments", Some(&key), &order(method(&key))).await;
        let dead = said.is_none();
        orders.insert(key, said.map(|said| said.id()));
        if dead {
            break;
        }
    }
    orders
}

/// The order's payment, which must be the one that was told before.
async fn paid_once(caller: Caller, key: String, told: Option<String>) -> String {
    let said = caller.post("/payments", Some(&key), &order(method(&key))).await.unwrap();
    assert!(told.is_none_or(|told| told == said.id()), "{key} was told another payment before: {said:?}");
    let ends = if method(&key) == "pm_sim_declined" { "failed" } else { "succeeded" };
    caller.until(&said.id(), ends).await;
    said.id()
}
