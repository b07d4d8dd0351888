//! Toss Payments as its reference documents it: a payer's window that makes a payment key, confirm, cancel in part and whole,
//! look-ups by key and by order, idempotency keys.

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

type Answer = (u16, Value);

#[derive(Default)]
struct Book {
    payments: Vec<Value>,
    answered: HashMap<String, (String, Answer)>,
    wrong: Option<Wrong>,
    decline: Option<&'static str>,
    /// Times that somebody asked how an order stands.
    looks: usize,
}

pub(crate) struct FakeToss {
    pub(crate) url: String,
    book: Arc<Mutex<Book>>,
}

type Shared = State<Arc<Mutex<Book>>>;

impl FakeToss {
    pub(crate) async fn start() -> Self {
        let book = Arc::<Mutex<Book>>::default();
        let routes = Router::new()
            .route("/v1/payments/confirm", post(confirm))
            .route("/v1/payments/{key}/cancel", post(cancel))
            .route("/v1/payments/orders/{order}", get(by_order))
            .route("/v1/transactions", get(transactions))
            .with_state(Arc::clone(&book));
        Self { url: super::serve(routes).await, book }
    }

    /// A payer goes through the window; the payment key it gives back.
    pub(crate) fn payer_pays(&self, order: &str, amount: i64) -> String {
        let mut book = self.book.lock().unwrap();
        let key = format!("tgen_{}", uuid::Uuid::now_v7().simple());
        book.payments.push(json!({
            "version": "2022-11-16", "paymentKey": key, "orderId": order, "orderName": "tea", "status": "IN_PROGRESS",
            "currency": "KRW", "method": "카드", "totalAmount": amount, "balanceAmount": amount,
            "requestedAt": "2026-11-21T18:00:00+09:00", "approvedAt": null, "cancels": null, "failure": null,
        }));
        key
    }

    /// The payer goes through the window once more, for the same order.
    pub(crate) fn payer_pays_instead(&self, order: &str, amount: i64) -> String {
        self.book.lock().unwrap().payments.retain(|payment| payment["orderId"] != order);
        self.payer_pays(order, amount)
    }

    pub(crate) fn break_next(&self, wrong: Wrong) {
        self.book.lock().unwrap().wrong = Some(wrong);
    }

    pub(crate) fn decline_next(&self, code: &'static str) {
        self.book.lock().unwrap().decline = Some(code);
    }

    /// Somebody cancels a part in Toss's own pages.
    pub(crate) fn refund_by_hand(&self, order: &str, minor: i64) {
        let mut book = self.book.lock().unwrap();
        let payment = book.payments.iter_mut().find(|payment| payment["orderId"] == order).unwrap();
        payment["balanceAmount"] = json!(payment["balanceAmount"].as_i64().unwrap() - minor);
        payment["status"] = json!("PARTIAL_CANCELED");
    }

    /// Idempotency keys that writes came with.
    pub(crate) fn keys(&self) -> usize {
        self.book.lock().unwrap().answered.len()
    }

    pub(crate) fn looks(&self) -> usize {
        self.book.lock().unwrap().looks
    }

    pub(crate) fn payment(&self, order: &str) -> Value {
        let book = self.book.lock().unwrap();
        book.payments.iter().find(|payment| payment["orderId"] == order).unwrap().clone()
    }
}

fn error(status: u16, code: &str) -> Answer {
    (status, json!({"code": code, "message": "설명"}))
}

fn response((status, body): Answer) -> Response {
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

fn known(headers: &HeaderMap) -> bool {
    // test_sk_right, a colon and no password.
    headers["authorization"] == "Basic dGVzdF9za19yaWdodDo="
}

async fn write(
    book: &Mutex<Book>,
    headers: &HeaderMap,
    body: &[u8],
    effect: impl FnOnce(&mut Book, &Value) -> Answer,
) -> Response {
    if !known(headers) {
        return response(error(401, "UNAUTHORIZED_KEY"));
    }
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let print = String::from_utf8_lossy(body).into_owned();
    let (answer, wrong) = {
        let mut book = book.lock().unwrap();
        let wrong = book.wrong.take();
        if wrong == Some(Wrong::FailBefore) {
            return response(error(500, "FAILED_INTERNAL_SYSTEM_PROCESSING"));
        }
        let answer = match book.answered.get(&key) {
            Some((before, answer)) if *before == print => answer.clone(),
            Some(_) => error(400, "INVALID_IDEMPOTENCY_KEY"),
            None => {
                let answer = effect(&mut book, &serde_json::from_slice(body).unwrap());
                book.answered.insert(key, (print, answer.clone()));
                answer
            }
        };
        (answer, wrong)
    };
    match wrong {
        Some(Wrong::HangAfter) => tokio::time::sleep(FOR_EVER).await,
        Some(Wrong::FailAfter) => return response(error(500, "UNKNOWN_PAYMENT_ERROR")),
        _ => {}
    }
    response(answer)
}

async fn confirm(State(book): Shared, headers: HeaderMap, body: Bytes) -> Response {
    write(&book, &headers, &body, |book, ask| {
        let decline = book.decline.take();
        let found = book.payments.iter_mut().find(|payment| payment["paymentKey"] == ask["paymentKey"]);
        let Some(payment) = found else { return error(404, "NOT_FOUND_PAYMENT_SESSION") };
        if payment["status"] == "DONE" {
            return error(400, "ALREADY_PROCESSED_PAYMENT");
        }
        if payment["orderId"] != ask["orderId"] || payment["totalAmount"] != ask["amount"] {
            return error(400, "INVALID_REQUEST");
        }
        if let Some(code) = decline {
            payment["status"] = json!("ABORTED");
            payment["failure"] = json!({"code": code, "message": "설명"});
            return error(403, code);
        }
        payment["status"] = json!("DONE");
        payment["approvedAt"] = json!("2026-11-21T18:00:09+09:00");
        (200, payment.clone())
    })
    .await
}

async fn cancel(State(book): Shared, Path(key): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    write(&book, &headers, &body, |book, ask| {
        let payment = book.payments.iter_mut().find(|payment| payment["paymentKey"] == key.as_str()).unwrap();
        let left = payment["balanceAmount"].as_i64().unwrap();
        let amount = ask["cancelAmount"].as_i64().unwrap_or(left);
        if left == 0 {
            return error(400, "ALREADY_CANCELED_PAYMENT");
        }
        if amount > left {
            return error(403, "NOT_CANCELABLE_AMOUNT");
        }
        let count = payment["cancels"].as_array().map_or(0, Vec::len);
        let entry = json!({"cancelAmount": amount, "cancelReason": ask["cancelReason"], "cancelStatus": "DONE",
            "transactionKey": format!("{key}_c{count}"), "canceledAt": "2026-11-21T18:10:00+09:00"});
        match payment["cancels"].as_array_mut() {
            Some(all) => all.push(entry),
            None => payment["cancels"] = json!([entry]),
        }
        payment["balanceAmount"] = json!(left - amount);
        payment["status"] = json!(if left == amount { "CANCELED" } else { "PARTIAL_CANCELED" });
        (200, payment.clone())
    })
    .await
}

async fn by_order(State(book): Shared, Path(order): Path<String>, headers: HeaderMap) -> Response {
    if !known(&headers) {
        return response(error(401, "UNAUTHORIZED_KEY"));
    }
    let mut book = book.lock().unwrap();
    book.looks += 1;
    let found = book.payments.iter().find(|payment| payment["orderId"] == order.as_str());
    response(found.map_or_else(|| error(404, "NOT_FOUND_PAYMENT"), |payment| (200, payment.clone())))
}

async fn transactions(State(book): Shared, RawQuery(query): RawQuery) -> Response {
    let query: HashMap<String, String> = form_urlencoded::parse(query.unwrap().as_bytes()).into_owned().collect();
    assert_eq!((query["startDate"].len(), query["endDate"].len()), (19, 19));
    let book = book.lock().unwrap();
    let mut all = Vec::new();
    for payment in book.payments.iter().filter(|payment| !payment["approvedAt"].is_null()) {
        let (key, order) = (&payment["paymentKey"], &payment["orderId"]);
        all.push(
            json!({"transactionKey": format!("t_{}", key.as_str().unwrap()), "paymentKey": key, "orderId": order}),
        );
        for entry in payment["cancels"].as_array().into_iter().flatten() {
            all.push(json!({"transactionKey": entry["transactionKey"], "paymentKey": key, "orderId": order}));
        }
    }
    let after = query.get("startingAfter").and_then(|id| all.iter().position(|one| one["transactionKey"] == *id));
    let limit: usize = query["limit"].parse().unwrap();
    let shown: Vec<Value> = all.into_iter().skip(after.map_or(0, |at| at + 1)).take(limit).collect();
    response((200, json!(shown)))
}
