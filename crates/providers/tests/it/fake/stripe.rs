//! PaymentIntents as Stripe's reference documents them: idempotency keys, declines that name the intent, 3-D Secure by
//! redirect, manual capture, refunds within what was captured, search by metadata, lists by time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{FOR_EVER, Wrong};

type Fields = HashMap<String, String>;
type Answer = (u16, Value);

#[derive(Default)]
struct Book {
    intents: Vec<Value>,
    refunds: Vec<Value>,
    disputes: Vec<Value>,
    answered: HashMap<String, (String, Answer)>,
    wrong: Option<(&'static str, Wrong)>,
    /// Search lags behind: it finds nothing.
    searchless: bool,
}

pub(crate) struct FakeStripe {
    pub(crate) url: String,
    book: Arc<Mutex<Book>>,
}

type Shared = State<Arc<Mutex<Book>>>;

impl FakeStripe {
    pub(crate) async fn start() -> Self {
        let book = Arc::<Mutex<Book>>::default();
        let routes = Router::new()
            .route("/v1/payment_intents", post(create).get(list))
            .route("/v1/payment_intents/search", get(search))
            .route("/v1/payment_intents/{id}", get(retrieve))
            .route("/v1/payment_intents/{id}/{verb}", post(act))
            .route("/v1/refunds", post(refund).get(refunds))
            .route("/v1/disputes", get(disputes))
            .with_state(Arc::clone(&book));
        Self { url: super::serve(routes).await, book }
    }

    /// The next write whose path ends so goes wrong, once.
    pub(crate) fn break_next(&self, write: &'static str, wrong: Wrong) {
        self.book.lock().unwrap().wrong = Some((write, wrong));
    }

    pub(crate) fn search_finds_nothing(&self) {
        self.book.lock().unwrap().searchless = true;
    }

    pub(crate) fn intents(&self) -> Vec<Value> {
        self.book.lock().unwrap().intents.clone()
    }

    /// The payer's bank opens a dispute, or says how one stands. The charge keeps `disputed` for ever.
    pub(crate) fn dispute(&self, id: &str, status: &str) {
        let mut book = self.book.lock().unwrap();
        let intent = book.intents.iter_mut().find(|intent| intent["id"] == id).unwrap();
        intent["latest_charge"]["disputed"] = json!(true);
        book.disputes.retain(|one| one["payment_intent"] != id);
        book.disputes
            .push(json!({"id": "dp_1", "object": "dispute", "amount": 1, "status": status, "payment_intent": id}));
    }

    /// Somebody refunds in the dashboard.
    pub(crate) fn refund_by_hand(&self, id: &str, minor: i64) {
        let mut book = self.book.lock().unwrap();
        let intent = book.intents.iter_mut().find(|intent| intent["id"] == id).unwrap();
        let before = intent["latest_charge"]["amount_refunded"].as_i64().unwrap();
        intent["latest_charge"]["amount_refunded"] = json!(before + minor);
    }

    /// The payer does not pass 3-D Secure; the page that has the secret may go on with another card.
    pub(crate) fn fails_at_the_bank(&self, id: &str) {
        let mut book = self.book.lock().unwrap();
        let intent = book.intents.iter_mut().find(|intent| intent["id"] == id).unwrap();
        intent["next_action"] = Value::Null;
        intent["status"] = json!("requires_payment_method");
        intent["last_payment_error"] = json!({"type": "card_error", "code": "payment_intent_authentication_failure",
            "message": "The provided PaymentMethod has failed authentication."});
    }

    /// The payer's page confirms with another card; whether Stripe takes it.
    pub(crate) fn pays_with_another_card(&self, id: &str) -> bool {
        let mut book = self.book.lock().unwrap();
        let intent = book.intents.iter_mut().find(|intent| intent["id"] == id).unwrap();
        let takes = intent["status"] == "requires_payment_method";
        if takes {
            intent["last_payment_error"] = Value::Null;
            pay(intent);
        }
        takes
    }

    /// The payer approves at the bank.
    pub(crate) fn approve(&self, id: &str) {
        let mut book = self.book.lock().unwrap();
        let intent = book.intents.iter_mut().find(|intent| intent["id"] == id).unwrap();
        intent["next_action"] = Value::Null;
        pay(intent);
    }
}

fn fields(body: &[u8]) -> Fields {
    form_urlencoded::parse(body).into_owned().collect()
}

fn error(status: u16, kind: &str, code: &str, message: &str) -> Answer {
    (status, json!({"error": {"type": kind, "code": code, "message": message}}))
}

fn missing() -> Answer {
    error(404, "invalid_request_error", "resource_missing", "No such payment_intent")
}

/// Authorization, idempotency, and what goes wrong, around one write.
async fn write(
    book: &Mutex<Book>,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
    effect: impl FnOnce(&mut Book, &Fields) -> Answer,
) -> Response {
    let form = headers["content-type"] == "application/x-www-form-urlencoded";
    if headers["authorization"] != "Bearer sk_test_right" || !form {
        return response(error(401, "invalid_request_error", "", "Invalid API Key provided: sk_test_****"));
    }
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let print = format!("{path} {}", String::from_utf8_lossy(body));
    let (answer, wrong) = {
        let mut book = book.lock().unwrap();
        let wrong = book.wrong.take_if(|(write, _)| path.ends_with(*write)).map(|(_, wrong)| wrong);
        match wrong {
            Some(Wrong::Busy) => return busy(),
            Some(Wrong::FailBefore) => return response(error(500, "api_error", "", "")),
            _ => {}
        }
        let answer = match book.answered.get(&key) {
            Some((before, answer)) if *before == print => answer.clone(),
            Some(_) => error(400, "idempotency_error", "", "Keys for idempotent requests"),
            None => {
                let answer = effect(&mut book, &fields(body));
                book.answered.insert(key, (print, answer.clone()));
                answer
            }
        };
        (answer, wrong)
    };
    match wrong {
        Some(Wrong::HangAfter) => tokio::time::sleep(FOR_EVER).await,
        Some(Wrong::FailAfter) => return response(error(500, "api_error", "", "")),
        _ => {}
    }
    response(answer)
}

fn busy() -> Response {
    let mut answer = response(error(429, "invalid_request_error", "rate_limit", "Too many requests"));
    answer.headers_mut().insert("retry-after", "7".parse().unwrap());
    answer
}

fn response((status, body): Answer) -> Response {
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

async fn create(State(book): Shared, headers: HeaderMap, body: Bytes) -> Response {
    write(&book, "/v1/payment_intents", &headers, &body, |book, fields| {
        let made = 1_700_000_000 + book.intents.len();
        let intent = json!({
            "id": format!("pi_{}", book.intents.len()), "object": "payment_intent", "created": made,
            "amount": fields["amount"].parse::<i64>().unwrap(), "amount_received": 0, "currency": fields["currency"],
            "status": "requires_confirmation", "capture_method": fields["capture_method"],
            "payment_method": fields.get("payment_method"), "client_secret": "pi_secret", "next_action": null,
            "last_payment_error": null, "latest_charge": null, "description": fields.get("description"),
            "metadata": {"farebox_payment": fields["metadata[farebox_payment]"], "farebox_customer": fields["metadata[farebox_customer]"]},
        });
        let mut intent = intent;
        if let Some(told) = fields.get("metadata[farebox_in_browser]") {
            intent["metadata"]["farebox_in_browser"] = json!(told);
        }
        if intent["payment_method"].is_null() {
            intent["status"] = json!("requires_payment_method");
        }
        book.intents.push(intent.clone());
        (200, intent)
    })
    .await
}

fn pay(intent: &mut Value) {
    let manual = intent["capture_method"] == "manual";
    intent["status"] = json!(if manual { "requires_capture" } else { "succeeded" });
    intent["amount_received"] = if manual { json!(0) } else { intent["amount"].clone() };
    let captured = intent["amount_received"].clone();
    intent["latest_charge"] = json!({
        "id": "ch_1", "amount_captured": captured, "amount_refunded": 0, "disputed": false, "payment_intent": intent["id"],
    });
}

fn confirm(intent: &mut Value, fields: &Fields) -> Answer {
    if intent["status"] != "requires_confirmation" {
        return unexpected();
    }
    match intent["payment_method"].as_str().unwrap() {
        "pm_card_chargeDeclinedInsufficientFunds" => {
            let declined = json!({"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
                "message": "Your card has insufficient funds."});
            intent["status"] = json!("requires_payment_method");
            intent["last_payment_error"] = declined.clone();
            let mut body = json!({"error": declined});
            body["error"]["payment_intent"] = intent.clone();
            return (402, body);
        }
        "pm_card_threeDSecureRequired" => {
            let url = json!({"url": "https://hooks.stripe.com/3d_secure_2", "return_url": fields.get("return_url")});
            intent["status"] = json!("requires_action");
            intent["next_action"] = json!({"type": "redirect_to_url", "redirect_to_url": url});
        }
        _ => pay(intent),
    }
    (200, intent.clone())
}

fn unexpected() -> Answer {
    error(
        400,
        "invalid_request_error",
        "payment_intent_unexpected_state",
        "This PaymentIntent's status does not allow it.",
    )
}

async fn act(
    State(book): Shared,
    Path((id, verb)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = format!("/v1/payment_intents/{id}/{verb}");
    write(&book, &path, &headers, &body, |book, fields| {
        let Some(intent) = book.intents.iter_mut().find(|intent| intent["id"] == *id) else { return missing() };
        match verb.as_str() {
            "confirm" => return confirm(intent, fields),
            "capture" if intent["status"] == "requires_capture" => {
                let minor: i64 = fields["amount_to_capture"].parse().unwrap();
                if minor > intent["amount"].as_i64().unwrap() {
                    return error(400, "invalid_request_error", "amount_too_large", "too much");
                }
                intent["status"] = json!("succeeded");
                intent["amount_received"] = json!(minor);
                intent["latest_charge"]["amount_captured"] = json!(minor);
            }
            "cancel" if intent["status"] != "succeeded" && intent["status"] != "canceled" => {
                intent["status"] = json!("canceled")
            }
            _ => return unexpected(),
        }
        (200, intent.clone())
    })
    .await
}

async fn retrieve(State(book): Shared, Path(id): Path<String>) -> Response {
    let book = book.lock().unwrap();
    let found = book.intents.iter().find(|intent| intent["id"] == *id);
    response(found.map_or_else(missing, |intent| (200, intent.clone())))
}

async fn search(State(book): Shared, RawQuery(query): RawQuery) -> Response {
    let book = book.lock().unwrap();
    let query = fields(query.unwrap().as_bytes());
    let wanted =
        query["query"].strip_prefix("metadata['farebox_payment']:'").unwrap().trim_end_matches('\'').to_owned();
    let hit = |intent: &&Value| !book.searchless && intent["metadata"]["farebox_payment"] == wanted;
    let data: Vec<Value> = book.intents.iter().filter(hit).cloned().collect();
    response((200, json!({"object": "search_result", "data": data, "has_more": false})))
}

async fn list(State(book): Shared, RawQuery(query): RawQuery) -> Response {
    let book = book.lock().unwrap();
    let query = fields(query.unwrap_or_default().as_bytes());
    let since: i64 = query["created[gte]"].parse().unwrap();
    let newest_first = book.intents.iter().rev().filter(|intent| intent["created"].as_i64().unwrap() >= since);
    response((200, page(&newest_first.cloned().collect::<Vec<_>>(), &query)))
}

fn page(all: &[Value], query: &Fields) -> Value {
    let limit: usize = query["limit"].parse().unwrap();
    let after = query.get("starting_after").and_then(|id| all.iter().position(|one| one["id"] == *id));
    let rest = &all[after.map_or(0, |at| at + 1)..];
    let shown = &rest[..rest.len().min(limit)];
    json!({"object": "list", "data": shown, "has_more": rest.len() > shown.len()})
}

async fn refund(State(book): Shared, headers: HeaderMap, body: Bytes) -> Response {
    write(&book, "/v1/refunds", &headers, &body, |book, fields| {
        let minor: i64 = fields["amount"].parse().unwrap();
        let intent = book.intents.iter_mut().find(|intent| intent["id"] == fields["payment_intent"]).unwrap();
        let charge = &mut intent["latest_charge"];
        let left = charge["amount_captured"].as_i64().unwrap() - charge["amount_refunded"].as_i64().unwrap();
        if minor > left {
            return error(400, "invalid_request_error", "", "Refund amount is greater than unrefunded amount on charge");
        }
        charge["amount_refunded"] = json!(charge["amount_refunded"].as_i64().unwrap() + minor);
        let refund = json!({
            "id": format!("re_{}", book.refunds.len()), "object": "refund", "amount": minor, "status": "succeeded",
            "payment_intent": fields["payment_intent"], "metadata": {"farebox_refund": fields["metadata[farebox_refund]"]},
        });
        book.refunds.push(refund.clone());
        (200, refund)
    })
    .await
}

async fn refunds(State(book): Shared, RawQuery(query): RawQuery) -> Response {
    let book = book.lock().unwrap();
    let query = fields(query.unwrap().as_bytes());
    let of = book.refunds.iter().rev().filter(|refund| refund["payment_intent"] == query["payment_intent"]);
    response((200, page(&of.cloned().collect::<Vec<_>>(), &query)))
}

async fn disputes(State(book): Shared, RawQuery(query): RawQuery) -> Response {
    let book = book.lock().unwrap();
    let query = fields(query.unwrap().as_bytes());
    let of = book.disputes.iter().rev().filter(|dispute| dispute["payment_intent"] == query["payment_intent"]);
    response((200, page(&of.cloned().collect::<Vec<_>>(), &query)))
}
