//! Answers in a database keep the promises that answers in memory keep, and nobody else can read them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use farebox_gate::answers::{Answer, AnswerStore, Claim, Claimed, Kept, MemoryAnswers, SqlAnswers, Ticket};
use farebox_store::{Database, GateAnswer, GateClaim, GateClaimed, Store};
use farebox_types::{Id, ManualClock, Merchant, Quantity, Timestamp};
use farebox_x402::{Amount, Receipt};
use http::{HeaderMap, HeaderValue, StatusCode};
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;
use tokio::task::JoinSet;

const MINUTE: Duration = Duration::from_secs(60);
const KEY: [u8; 32] = [9; 32];
const SECRET: &[u8] = b"nobody else reads this";

#[derive(Debug, Clone, Copy)]
enum Engine {
    Sqlite,
    Postgres,
}

/// A fresh database, a clock that stands still, and a merchant.
struct World {
    folder: TempDir,
    dropped: Option<(String, String)>,
    url: String,
    clock: Arc<ManualClock>,
    tenant: Id<Merchant>,
    store: Arc<dyn Store>,
}

impl World {
    async fn new(engine: Engine) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let (url, dropped) = match engine {
            Engine::Sqlite => (format!("sqlite:{}", folder.path().join("gate.db").display()), None),
            Engine::Postgres => {
                let admin = admin_url()?;
                let name = format!("farebox_gate_{}", uuid::Uuid::now_v7().simple());
                admin_statement(&admin, format!("CREATE DATABASE {name}")).await;
                let (server, _) = admin.rsplit_once('/').unwrap();
                (format!("{server}/{name}"), Some((admin, name)))
            }
        };
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_800_000_000)));
        let store = Database::open(&url.parse().unwrap(), Arc::<ManualClock>::clone(&clock)).await.unwrap();
        store.migrate().await.unwrap();
        Some(Self { folder, dropped, url, clock, tenant: Id::generate(), store })
    }

    fn answers(&self) -> SqlAnswers {
        SqlAnswers::new(Arc::clone(&self.store), self.tenant, &KEY)
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// A row as it is in the database, of an answer that is put down.
    async fn row(&self, payment: u8) -> GateAnswer {
        let Claim { key, proof, request, lease, replay, remember } = claim(payment);
        let claim = GateClaim { tenant: self.tenant, key, run: 1, proof, request, lease, replay, remember };
        match self.store.claim_payment(&claim).await.unwrap() {
            GateClaimed::Kept(_, row) => row,
            other => panic!("{other:?}"),
        }
    }

    async fn finish(self) {
        self.store.close().await;
        if let Some((admin, name)) = self.dropped {
            admin_statement(&admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
        self.folder.close().unwrap();
    }
}

fn admin_url() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "the test runner names the server")]
    let (admin, ci) = (std::env::var("FAREBOX_TEST_POSTGRES"), std::env::var("CI"));
    if admin.is_err() {
        assert!(ci.is_err(), "FAREBOX_TEST_POSTGRES must name a server in CI");
        eprintln!("skipped: FAREBOX_TEST_POSTGRES is not set; `./x test` starts a server and sets it");
    }
    admin.ok()
}

async fn admin_statement(admin: &str, sql: String) {
    let mut connection = PgConnection::connect(admin).await.unwrap();
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

fn claim(payment: u8) -> Claim {
    let (lease, replay, remember) = (MINUTE, 2 * MINUTE, 10 * MINUTE);
    Claim { key: [payment; 32], proof: [2; 32], request: [3; 32], lease, replay, remember }
}

fn kept() -> Kept {
    let mut headers = HeaderMap::new();
    headers.append("set-cookie", HeaderValue::from_static("first=1"));
    headers.append("set-cookie", HeaderValue::from_bytes(b"second=\xff").unwrap());
    let answer = Answer { status: StatusCode::CREATED, headers, body: Bytes::from_static(SECRET), trailers: None };
    let amount = Amount::Credits(Quantity::ONE);
    Kept { request_id: "r-1".to_owned(), amount, answer: Some(answer), receipt: None }
}

fn receipt() -> Receipt {
    Receipt { success: true, transaction: "0xabc".to_owned(), ..Receipt::default() }
}

async fn mine(answers: &dyn AnswerStore, claim: &Claim) -> Ticket {
    match answers.claim(claim).await.unwrap() {
        Claimed::Mine(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

async fn given(answers: &dyn AnswerStore, claim: &Claim) -> Kept {
    match answers.claim(claim).await.unwrap() {
        Claimed::Kept(_, kept) => *kept,
        other => panic!("{other:?}"),
    }
}

/// What the trait promises where no time passes.
async fn keeps_its_promises(answers: &dyn AnswerStore) {
    let claimed = async |claim: Claim| answers.claim(&claim).await.unwrap();
    let dropped = mine(answers, &claim(1)).await;
    assert!(matches!(claimed(claim(1)).await, Claimed::Busy));
    let elsewhere = mine(answers, &claim(2)).await;
    assert_ne!(dropped.key, elsewhere.key);
    answers.let_go(dropped).await.unwrap();
    let ticket = mine(answers, &claim(1)).await;
    assert_ne!(ticket, dropped, "each run has a number of its own");
    assert!(!answers.keep(dropped, &kept()).await.unwrap(), "an old ticket keeps nothing");
    assert!(answers.keep(ticket, &kept()).await.unwrap());
    assert!(matches!(claimed(claim(1)).await, Claimed::Busy), "its money is being asked for");
    answers.put_down(dropped).await.unwrap();
    assert!(matches!(claimed(claim(1)).await, Claimed::Busy), "an old ticket puts nothing down");
    answers.put_down(ticket).await.unwrap();
    assert!(matches!(claimed(Claim { request: [9; 32], ..claim(1) }).await, Claimed::Other));
    assert!(matches!(claimed(Claim { proof: [9; 32], ..claim(1) }).await, Claimed::Spent));
    assert_eq!(given(answers, &claim(1)).await, kept());
    assert!(matches!(claimed(claim(1)).await, Claimed::Busy), "one asks at a time");
    assert_eq!(answers.receipt("r-1").await.unwrap(), Some(None));
    answers.close(dropped, &Receipt::default()).await.unwrap();
    assert_eq!(answers.receipt("r-1").await.unwrap(), Some(None), "an old ticket closes nothing");
    answers.close(ticket, &receipt()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(given(answers, &claim(1)).await, Kept { receipt: Some(receipt()), ..kept() });
    }
    assert!(matches!(claimed(Claim { request: [9; 32], ..claim(1) }).await, Claimed::Other));
    assert!(matches!(claimed(Claim { proof: [9; 32], ..claim(1) }).await, Claimed::Spent));
    assert_eq!(answers.receipt("r-1").await.unwrap(), Some(Some(receipt())));
    assert_eq!(answers.receipt("r-2").await.unwrap(), None);
    answers.let_go(dropped).await.unwrap();
    assert!(matches!(claimed(claim(1)).await, Claimed::Kept(..)), "an old ticket lets nothing go");
}

#[rstest]
#[tokio::test]
async fn answers_in_a_database_keep_every_promise(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::new(engine).await else { return };
    keeps_its_promises(&world.answers()).await;
    world.finish().await;
}

#[tokio::test]
async fn answers_in_memory_keep_the_same() {
    keeps_its_promises(&MemoryAnswers::new(1_000_000)).await;
}

#[rstest]
#[tokio::test]
async fn a_run_that_was_silent_for_its_lease_is_overtaken_and_an_answer_ends_before_its_payment_is_forgotten(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let answers = world.answers();
    let slow = mine(&answers, &claim(1)).await;
    world.pass(MINUTE);
    let ticket = mine(&answers, &claim(1)).await;
    assert!(!answers.keep(slow, &kept()).await.unwrap(), "it may ask for nothing");
    answers.let_go(slow).await.unwrap();
    assert!(answers.keep(ticket, &kept()).await.unwrap());
    // Whoever kept it is gone: once its lease is over, the next who comes may ask for its money, and gets its name.
    world.pass(MINUTE);
    assert_eq!(given(&answers, &claim(1)).await, kept());
    answers.close(ticket, &receipt()).await.unwrap();
    world.pass(MINUTE);
    assert!(matches!(answers.claim(&claim(1)).await.unwrap(), Claimed::Spent));
    assert_eq!(answers.receipt("r-1").await.unwrap(), Some(Some(receipt())));
    world.pass(8 * MINUTE);
    mine(&answers, &claim(1)).await;
    world.finish().await;
}

#[rstest]
#[tokio::test]
async fn an_answer_is_sealed_to_its_merchant_its_payment_and_its_key(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = World::new(engine).await else { return };
    let answers = world.answers();
    let ticket = mine(&answers, &claim(1)).await;
    answers.keep(ticket, &kept()).await.unwrap();
    answers.put_down(ticket).await.unwrap();
    let row = world.row(1).await;
    let sealed = row.answer.clone().unwrap();
    assert!(!sealed.windows(4).any(|bytes| SECRET.windows(4).any(|plain| plain == bytes)), "it shows in {sealed:?}");
    answers.close(ticket, &receipt()).await.unwrap();

    let stranger = SqlAnswers::new(Arc::clone(&world.store), world.tenant, &[8; 32]);
    assert_eq!(given(&stranger, &claim(1)).await, Kept { answer: None, receipt: Some(receipt()), ..kept() });
    let neighbour = SqlAnswers::new(Arc::clone(&world.store), Id::generate(), &KEY);
    assert_eq!(neighbour.receipt("r-1").await.unwrap(), None);
    let theirs = mine(&neighbour, &claim(1)).await;
    neighbour.let_go(Ticket { run: ticket.run, ..theirs }).await.unwrap();
    assert_eq!(given(&answers, &claim(1)).await, Kept { receipt: Some(receipt()), ..kept() });

    // Moved to another payment, it does not open.
    let other = mine(&answers, &claim(5)).await;
    let moved = GateAnswer { request_id: "r-5".to_owned(), ..row };
    assert!(world.store.keep_answer(world.tenant, other.key, i64::try_from(other.run).unwrap(), &moved).await.unwrap());
    answers.put_down(other).await.unwrap();
    assert_eq!(given(&answers, &claim(5)).await.answer, None);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_who_claim_at_two_gates_at_once_one_runs_and_the_others_get_what_it_kept() {
    let Some(world) = World::new(Engine::Postgres).await else { return };
    let second = Database::open(&world.url.parse().unwrap(), Arc::<ManualClock>::clone(&world.clock)).await.unwrap();
    let gates = [world.answers(), SqlAnswers::new(Arc::clone(&second), world.tenant, &KEY)].map(Arc::new);
    let mut claims = JoinSet::new();
    for at in 0..64 {
        let answers = Arc::clone(&gates[at % 2]);
        claims.spawn(async move { answers.claim(&claim(1)).await.unwrap() });
    }
    let mut tickets = Vec::new();
    for claimed in claims.join_all().await {
        match claimed {
            Claimed::Mine(ticket) => tickets.push(ticket),
            other => assert!(matches!(other, Claimed::Busy), "{other:?}"),
        }
    }
    let [ticket] = tickets[..] else { panic!("{tickets:?}") };
    assert!(gates[0].keep(ticket, &kept()).await.unwrap());
    gates[1].close(ticket, &receipt()).await.unwrap();
    for answers in gates {
        assert_eq!(given(&*answers, &claim(1)).await, Kept { receipt: Some(receipt()), ..kept() });
    }
    second.close().await;
    world.finish().await;
}
