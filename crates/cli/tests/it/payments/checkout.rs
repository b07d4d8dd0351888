//! A checkout whose server is killed around its charge: the subscription begins once, and is paid once.

use reqwest::{Client, redirect::Policy};
use serde_json::{Value, json};

use super::{
    street::{Street, on_both_streets},
    wire::Flow,
};

/// A customer with a checkout for 9.00 USD.
struct Till {
    http: Client,
    token: String,
    url: String,
    subscription: String,
}

impl Till {
    async fn open(street: &Street) -> Self {
        // A SQLite file has one owner: tokens are made while the server is down.
        street.kill();
        let token = street.world.json(&["token", "create", "--json"])["api_token"].as_str().unwrap().to_owned();
        street.serve();
        let http = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        let mut till = Self { http, token, url: String::new(), subscription: String::new() };
        let prices = json!([{"amount": 900, "currency": "USD", "interval": "month"}]);
        let plan = till
            .ask(
                street,
                "PUT",
                "/v1/admin/plans/paid",
                json!({"code": "paid", "name": "Paid", "prices": prices, "features": {}}),
            )
            .await;
        let body = json!({"customer_email": "ann@example.com", "customer_name": "Ann", "plan_id": plan["id"],
            "return_url": "http://localhost:1/back"});
        let attached = till.ask(street, "POST", "/v1/attach", body).await;
        till.url = attached["checkout_url"].as_str().unwrap().to_owned();
        till.subscription = attached["subscription_id"].as_str().unwrap().to_owned();
        till
    }

    async fn ask(&self, street: &Street, method: &str, path: &str, body: Value) -> Value {
        let request =
            self.http.request(method.parse().unwrap(), format!("{}{path}", street.url())).bearer_auth(&self.token);
        let key = uuid::Uuid::now_v7().to_string();
        let answer = request.header("idempotency-key", key).json(&body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Presses Pay; where the browser is sent, unless the server is gone.
    async fn pay(&self, method: &str) -> Option<String> {
        let form = format!("decision=pay&method={method}");
        let request = self.http.post(&self.url).header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer = request.send().await.ok()?;
        answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned())
    }

    /// On the bank's page, which sends the browser back to a server that is gone.
    async fn approve(&self, bank: &str) {
        let form = self.http.post(bank).header("content-type", "application/x-www-form-urlencoded");
        let answer = form.body("outcome=approve").send().await.unwrap();
        assert_eq!(answer.headers()["location"].to_str().unwrap(), self.url);
    }

    async fn status(&self, street: &Street) -> String {
        let url = format!("{}/v1/subscriptions/{}", street.url(), self.subscription);
        let read: Value = self.http.get(url).bearer_auth(&self.token).send().await.unwrap().json().await.unwrap();
        read["status"].as_str().unwrap().to_owned()
    }

    /// Active in the end, and paid once.
    async fn begins(&self, street: &Street) {
        for _ in 0..300 {
            if self.status(street).await == "active" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        assert_eq!(self.status(street).await, "active");
        let page = self.http.get(&self.url).send().await.unwrap();
        assert_eq!(page.headers()["location"], "http://localhost:1/back");
        let paid = street.caller().get("/payments?status=succeeded").await.body;
        let paid = paid["data"].as_array().unwrap();
        assert_eq!((paid.len(), &paid[0]["amount_minor"]), (1, &json!(900)), "{paid:?}");
        assert_eq!(street.charges(paid[0]["id"].as_str().unwrap()).await, 1);
    }
}

on_both_streets! {
    async fn kill_9_before_the_provider_hears_of_it(street: &Street) {
        killed_while(street, Flow::HoldsRequests).await;
    }

    async fn kill_9_after_the_charge_and_before_its_outcome_is_written(street: &Street) {
        killed_while(street, Flow::HoldsAnswers).await;
    }

    async fn kill_9_while_the_payer_is_at_the_bank(street: &Street) {
        let till = Till::open(street).await;
        let bank = till.pay("pm_sim_3ds_webhook_lost").await.unwrap();
        street.kill();
        till.approve(&bank).await;
        street.serve();
        till.begins(street).await;
    }
}

async fn killed_while(street: &Street, flow: Flow) {
    let till = std::sync::Arc::new(Till::open(street).await);
    street.wire.set(flow);
    let paying = tokio::spawn({
        let till = std::sync::Arc::clone(&till);
        async move { till.pay("pm_sim_ok").await }
    });
    street.wire.holds(1).await;
    assert_eq!(till.status(street).await, "pending_activation");
    street.kill();
    street.wire.set(Flow::Cut);
    assert_eq!(paying.await.unwrap(), None, "it was answered before the server died");
    street.wire.set(Flow::Open);
    street.serve();
    till.begins(street).await;
}
