//! A billing server that keeps customers and subscriptions, and writes down every request that reaches it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// One request, as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// `POST /v1/check`.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What is answered instead of the truth: status, headers, body.
pub(crate) type Canned = (u16, Vec<(&'static str, &'static str)>, Vec<u8>);

#[derive(Default)]
struct Books {
    seen: Vec<Seen>,
    /// By e-mail.
    customers: BTreeMap<String, String>,
    /// Keys of creations that run, and the bodies of those that are done.
    creating: BTreeSet<String>,
    created: BTreeMap<String, (String, Value)>,
    /// The lists of subscriptions, by customer, newest first.
    subscriptions: BTreeMap<String, Vec<(String, String)>>,
    canned: BTreeMap<String, Canned>,
    slow: Duration,
    hold_checks: Duration,
}

#[derive(Clone)]
pub(crate) struct Billing {
    books: Arc<Mutex<Books>>,
    pub(crate) addr: SocketAddr,
}

impl Billing {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let billing = Self { books: Arc::default(), addr: listener.local_addr().unwrap() };
        let app = Router::new().fallback(answer).with_state(billing.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        billing
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    /// Everything so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.books().seen.clone()
    }

    /// The request lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().expect("a request reached the billing server")
    }

    pub(crate) fn forget(&self) {
        self.books().seen.clear();
    }

    pub(crate) fn customers(&self) -> Vec<String> {
        self.books().customers.values().cloned().collect()
    }

    /// A subscription, newer than those before it.
    pub(crate) fn subscribe(&self, customer: &str, id: &str, status: &str) {
        let mut books = self.books();
        books.subscriptions.entry(customer.to_owned()).or_default().insert(0, (id.to_owned(), status.to_owned()));
    }

    /// From now on, `line` is answered with this.
    pub(crate) fn answer(&self, line: &str, canned: Canned) {
        self.books().canned.insert(line.to_owned(), canned);
    }

    /// Creating a customer takes this long.
    pub(crate) fn slow(&self, slow: Duration) {
        self.books().slow = slow;
    }

    /// A check takes this long.
    pub(crate) fn hold_checks(&self, time: Duration) {
        self.books().hold_checks = time;
    }

    fn subscription(&self, id: &str) -> Option<Value> {
        let books = self.books();
        let mut all = books.subscriptions.iter().flat_map(|(customer, list)| list.iter().map(move |it| (customer, it)));
        let (customer, (id, status)) = all.find(|(_, (known, _))| known == id)?;
        Some(json!({"id": id, "customer_id": customer, "status": status}))
    }

    /// One e-mail, one customer; one key, one answer; a key that is at work is said to be.
    async fn create(&self, seen: &Seen) -> Response {
        let (key, body) = (seen.header("idempotency-key").unwrap().to_owned(), seen.json());
        {
            let mut books = self.books();
            match books.created.get(&key) {
                Some((text, answer)) if *text == seen.body => {
                    return (StatusCode::CREATED, answer.to_string()).into_response();
                }
                Some(_) => return problem(409, "paylera.idempotency_conflict"),
                None => {}
            }
            if !books.creating.insert(key.clone()) {
                return problem(409, "paylera.idempotency_in_progress");
            }
        }
        let slow = self.books().slow;
        tokio::time::sleep(slow).await;
        let mut books = self.books();
        let email = body["email"].as_str().unwrap().to_owned();
        let next = format!("cus_{}", books.customers.len() + 1);
        let id = books.customers.entry(email.clone()).or_insert(next).clone();
        let answer = json!({"id": id, "email": email});
        books.creating.remove(&key);
        books.created.insert(key, (seen.body.clone(), answer.clone()));
        (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
    }
}

async fn answer(State(billing): State<Billing>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    let seen = Seen { line: format!("{} {}", head.method, head.uri), headers: head.headers, body };
    billing.books().seen.push(seen.clone());
    let canned = billing.books().canned.get(&seen.line).cloned();
    if let Some((status, headers, body)) = canned {
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in headers {
            response.headers_mut().append(name, value.parse().unwrap());
        }
        return response;
    }
    truth(&billing, &seen).await
}

async fn truth(billing: &Billing, seen: &Seen) -> Response {
    let (method, target) = seen.line.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let parts: Vec<&str> = path.trim_start_matches("/v1/").split('/').collect();
    match (method, parts.as_slice()) {
        ("POST", ["customers"]) => billing.create(seen).await,
        ("GET", ["customers"]) => {
            let email = query.strip_prefix("email=").unwrap().replace("%40", "@");
            let found = billing.books().customers.get(&email).map(|id| json!({"id": id, "email": email}));
            json_answer(&json!({"data": Vec::from_iter(found), "has_more": false, "next_cursor": null}))
        }
        ("GET", ["customers", id, "subscriptions"]) => {
            let list = billing.books().subscriptions.get(*id).cloned().unwrap_or_default();
            let list: Vec<Value> = list.into_iter().map(|(id, status)| json!({"id": id, "status": status})).collect();
            json_answer(&json!({"data": list, "has_more": false, "next_cursor": null}))
        }
        ("GET", ["subscriptions", id]) => match billing.subscription(id) {
            Some(subscription) => json_answer(&subscription),
            None => problem(404, "paylera.not_found"),
        },
        ("POST", ["check"]) => {
            let hold = billing.books().hold_checks;
            tokio::time::sleep(hold).await;
            json_answer(&json!({"line": seen.line}))
        }
        ("POST", ["track"]) => StatusCode::NO_CONTENT.into_response(),
        _ => json_answer(&json!({"line": seen.line})),
    }
}

fn json_answer(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

pub(crate) fn problem(status: u16, code: &str) -> Response {
    let body = json!({"type": code, "status": status}).to_string();
    let headers = [(header::CONTENT_TYPE, "application/problem+json")];
    (StatusCode::from_u16(status).unwrap(), headers, body).into_response()
}
