//! `farebox mcp`, spoken to line by line, at a program that answers as the payments service does. The official client is in
//! conformance/payments.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

#[derive(Default)]
struct Book {
    /// Key, body.
    posts: Vec<(String, Value)>,
    payments: Vec<Value>,
    /// The next answer is this status, after the payment was made.
    broken: Option<u16>,
}

type Shared = State<Arc<Mutex<Book>>>;

fn may(headers: &HeaderMap) -> bool {
    headers["authorization"].to_str().unwrap().ends_with("right")
}

async fn create(State(book): Shared, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if !may(&headers) {
        return (StatusCode::FORBIDDEN, Json(json!({"type": "about:blank", "code": "missing_scope"}))).into_response();
    }
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let mut book = book.lock().unwrap();
    let payment = match book.posts.iter().position(|(before, _)| *before == key) {
        Some(at) => book.payments[at].clone(),
        None => {
            let id = format!("pay_{}", book.posts.len());
            let status = if body["payment_method_id"] == "pm_sim_declined" { "failed" } else { "succeeded" };
            let payment = json!({"id": id, "payment_id": format!("pi_{id}"), "status": status, "amount_minor": body["amount_minor"], "currency": body["currency"]});
            book.posts.push((key, body));
            book.payments.push(payment.clone());
            payment
        }
    };
    match book.broken.take() {
        Some(status) => StatusCode::from_u16(status).unwrap().into_response(),
        None => Json(payment).into_response(),
    }
}

async fn refund(State(book): Shared, Path(id): Path<String>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let mut book = book.lock().unwrap();
    let number = match book.posts.iter().position(|(before, _)| *before == key) {
        Some(at) => at,
        None => {
            book.posts.push((key, body.clone()));
            book.posts.len() - 1
        }
    };
    let status = if body["reason"] == "refused by the bank" { "failed" } else { "succeeded" };
    let refund = json!({"refund_id": format!("re_{number}"), "payment_id": id, "status": status});
    match book.broken.take() {
        Some(status) => StatusCode::from_u16(status).unwrap().into_response(),
        None => Json(refund).into_response(),
    }
}

async fn one(State(book): Shared, Path(id): Path<String>) -> Response {
    let book = book.lock().unwrap();
    match book.payments.iter().find(|payment| payment["id"] == *id) {
        Some(payment) => Json(payment.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({"code": "not_found"}))).into_response(),
    }
}

struct World {
    folder: TempDir,
    url: String,
    book: Arc<Mutex<Book>>,
}

impl World {
    async fn new() -> Self {
        let book = Arc::<Mutex<Book>>::default();
        let routes = Router::new()
            .route("/payments", post(create))
            .route("/payments/{id}", get(one))
            .route("/payments/{id}/refunds", post(refund))
            .route("/customers/{id}/payment-status", get(|| async { Json(json!({"has_paid": true})) }))
            .with_state(Arc::clone(&book));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { folder: tempfile::tempdir().unwrap(), url, book }
    }

    fn agent(&self, token: &str, budget: Option<&str>) -> Agent {
        let journal = self.folder.path().join("budget.jsonl");
        let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
        command.args(["mcp", "--url", &self.url]).env("FAREBOX_API_TOKEN", token).current_dir(self.folder.path());
        if let Some(budget) = budget {
            command.args(["--budget", budget, "--journal"]).arg(journal);
        }
        Agent::start(command)
    }

    fn posts(&self) -> usize {
        self.book.lock().unwrap().posts.len()
    }
}

/// An agent's side of the pipe.
struct Agent {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    count: u64,
}

impl Agent {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut agent = Self { child, input, output, count: 0 };
        let hello = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}});
        let welcome = agent.ask("initialize", &hello);
        assert_eq!(welcome["result"]["serverInfo"]["name"], "farebox");
        agent.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        agent
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.input, "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.count += 1;
        self.say(&json!({"jsonrpc": "2.0", "id": self.count, "method": method, "params": params}));
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Whether the tool failed, and what it said.
    fn call(&mut self, tool: &str, arguments: &Value) -> (bool, Value) {
        let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        let result = &answer["result"];
        (result["isError"].as_bool().unwrap_or_else(|| panic!("{answer}")), result["structuredContent"].clone())
    }

    fn pay(&mut self, operation: &str, minor: i64) -> (bool, Value) {
        self.pay_with(operation, minor, "pm_sim_ok")
    }

    fn pay_with(&mut self, operation: &str, minor: i64, method: &str) -> (bool, Value) {
        let payment = json!({"operation": operation, "customer_id": "c", "amount_minor": minor, "currency": "USD", "payment_method_id": method});
        self.call("create_payment", &payment)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_lists_the_tools_and_reads() {
    let world = World::new().await;
    let mut agent = world.agent("right", None);
    let tools = agent.ask("tools/list", &json!({}))["result"]["tools"].clone();
    let names: Vec<&str> = tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let reads = [
        "payment_status",
        "payment_events",
        "has_customer_paid",
        "list_payments",
        "balances",
        "entitlements",
        "invoices",
    ];
    assert_eq!(names, [&reads[..], &["create_payment", "refund_payment"]].concat());
    assert_eq!(agent.call("has_customer_paid", &json!({"customer_id": "c"})), (false, json!({"has_paid": true})));
    let (failed, why) = agent.call("payment_status", &json!({"payment_id": "pay_none"}));
    assert_eq!((failed, &why["status"]), (true, &json!(404)));
    let wrong = agent.ask("tools/call", &json!({"name": "payment_status", "arguments": {}}));
    assert_eq!(wrong["error"]["code"], -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_budget_or_a_scope_nothing_is_paid() {
    let world = World::new().await;
    let (failed, why) = world.agent("right", None).pay("tea", 100);
    assert_eq!((failed, &why["error"]), (true, &json!("no_budget")));
    let mut reader = world.agent("wrong", Some("USD=1000"));
    let (failed, why) = reader.pay("tea", 900);
    assert_eq!((failed, &why["status"], &why["problem"]["code"]), (true, &json!(403), &json!("missing_scope")));
    assert_eq!(world.posts(), 0);
    let (failed, _) = world.agent("right", Some("USD=1000")).pay("cake", 900);
    assert!(!failed, "what was refused has cost nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_pays_within_its_budget_across_restarts() {
    let world = World::new().await;
    let (failed, paid) = world.agent("right", Some("USD=1000")).pay("tea", 600);
    assert_eq!((failed, &paid["status"]), (false, &json!("succeeded")));
    let mut next = world.agent("right", Some("USD=1000"));
    let (failed, why) = next.pay("cake", 401);
    assert_eq!((failed, &why["error"]), (true, &json!("over_budget")));
    assert_eq!(world.posts(), 1, "nothing was asked of the service");
    assert_eq!(next.pay("tea", 600), (false, paid), "the same operation is the same payment");
    assert_eq!(next.pay("tea", 500).1["error"], "operation_reused");
    let (failed, declined) = next.pay_with("cake", 400, "pm_sim_declined");
    assert_eq!((failed, &declined["status"]), (false, &json!("failed")));
    assert!(!next.pay("biscuit", 400).0, "a declined payment has cost nothing");
    assert_eq!(world.posts(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_stays_reserved_and_a_repeat_pays_once() {
    let world = World::new().await;
    world.book.lock().unwrap().broken = Some(502);
    let mut agent = world.agent("right", Some("USD=1000"));
    assert!(agent.pay("tea", 600).0);
    assert_eq!(agent.pay("cake", 600).1["error"], "over_budget");
    let (failed, paid) = agent.pay("tea", 600);
    assert_eq!((failed, &paid["id"]), (false, &json!("pay_0")));
    let book = world.book.lock().unwrap();
    assert_eq!((book.posts.len(), book.posts[0].0.as_str()), (1, "mcp:tea"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_pays_back_once_and_within_its_budget() {
    let world = World::new().await;
    let (_, paid) = world.agent("right", Some("USD=1000")).pay("tea", 400);
    let id = paid["id"].as_str().unwrap();
    let refund = |operation: &str, minor: i64| json!({"operation": operation, "payment_id": id, "amount_minor": minor});
    let (failed, why) = world.agent("right", None).call("refund_payment", &refund("back", 400));
    assert_eq!((failed, &why["error"]), (true, &json!("no_budget")));
    let mut agent = world.agent("right", Some("USD=1000"));
    // The answer is lost: what was reserved stays, and the same is asked for again.
    world.book.lock().unwrap().broken = Some(502);
    assert!(agent.call("refund_payment", &refund("back", 400)).0);
    let (failed, back) = agent.call("refund_payment", &refund("back", 400));
    assert_eq!((failed, &back["status"]), (false, &json!("succeeded")));
    assert_eq!(agent.call("refund_payment", &refund("back", 400)), (false, back));
    assert_eq!(world.posts(), 2, "one payment, one refund");
    let (failed, why) = agent.call("refund_payment", &refund("back", 300));
    assert_eq!((failed, &why["error"]), (true, &json!("operation_reused")));
    let (failed, why) = agent.call("refund_payment", &refund("more", 201));
    assert_eq!((failed, &why["error"]), (true, &json!("over_budget")), "400 paid, 400 paid back, 200 left");
    let mut refused = refund("no", 200);
    refused["reason"] = json!("refused by the bank");
    assert_eq!(agent.call("refund_payment", &refused).1["status"], "failed");
    let (failed, _) = agent.call("refund_payment", &refund("more", 200));
    assert!(!failed, "a refund that failed has cost nothing");
    let (failed, why) =
        agent.call("refund_payment", &json!({"operation": "x", "payment_id": "pay_none", "amount_minor": 1}));
    assert_eq!((failed, &why["status"]), (true, &json!(404)));
}
