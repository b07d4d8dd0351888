//! The walk's step with cards: a payment, one that the bank asks about, a decline, a refund, and the trail of it all.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::output::Output;

/// The payments service, as the merchant's own program calls it.
struct Till<'a> {
    http: reqwest::Client,
    url: &'a str,
    seller: &'a str,
    output: &'a Output,
}

pub(super) async fn walk(url: &str, seller: &str, number: u8, output: &Output) -> anyhow::Result<()> {
    output.line(format!("{number}. Cards: paid, asked by the bank, declined, refunded"));
    let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let till = Till { http, url, seller, output };
    let paid = till.paid_once().await?;
    till.asked_by_the_bank().await?;
    till.declined().await?;
    till.refunded(&paid).await?;
    till.trail(&paid).await
}

impl Till<'_> {
    /// A card is charged; the same request again is the same charge.
    async fn paid_once(&self) -> anyhow::Result<String> {
        let (status, paid, _) = self.pay("demo-1", "pm_sim_ok").await?;
        ensure!(status == 200 && paid["status"] == "succeeded", "a payment was answered {status}: {paid}");
        let (_, again, replayed) = self.pay("demo-1", "pm_sim_ok").await?;
        ensure!(replayed && again == paid, "a repeat was answered {again}");
        let id = text(&paid, "payment_id")?;
        self.output.line(format!("   POST /payments 49.99    succeeded, {id}"));
        self.output.line("   the same once more      the same answer, no second charge");
        Ok(id)
    }

    /// 3-D Secure: the payer approves on the bank's page.
    async fn asked_by_the_bank(&self) -> anyhow::Result<()> {
        let (_, asked, _) = self.pay("demo-2", "pm_sim_3ds").await?;
        ensure!(asked["status"] == "requires_action", "the bank did not ask: {asked}");
        let (id, bank) = (text(&asked, "id")?, text(&asked["action"], "url")?);
        self.output.line("   POST /payments, 3DS     requires_action, with the bank's page");
        let form = self.http.post(bank).header("content-type", "application/x-www-form-urlencoded");
        form.body("outcome=approve").send().await?.error_for_status()?;
        for _ in 0..100 {
            if self.get(&format!("/payments/{id}")).await?["status"] == "succeeded" {
                self.output.line("   the payer approves      succeeded: the provider's webhook has told");
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("an approved payment did not succeed")
    }

    async fn declined(&self) -> anyhow::Result<()> {
        let (_, failed, _) = self.pay("demo-3", "pm_sim_insufficient_funds").await?;
        ensure!(failed["status"] == "failed", "a bad card was answered {failed}");
        let why = text(&failed["failure"], "decline_code")?;
        self.output.line(format!("   POST /payments, bad     failed: {why}"));
        Ok(())
    }

    /// Some of it goes back; more than there is does not.
    async fn refunded(&self, id: &str) -> anyhow::Result<()> {
        let path = format!("/payments/{id}/refunds");
        let (status, back, _) = self.post(&path, "demo-4", &json!({"amount": 9.99})).await?;
        ensure!(status == 200 && back["status"] == "succeeded", "a refund was answered {status}: {back}");
        let (status, refused, _) = self.post(&path, "demo-5", &json!({"amount": 40.01})).await?;
        ensure!(status == 422, "more than was left went back: {refused}");
        self.output.line("   refund 9.99             succeeded; 40.01 more is refused, 40.00 are left");
        Ok(())
    }

    async fn trail(&self, id: &str) -> anyhow::Result<()> {
        let events = self.get(&format!("/payments/{id}/events")).await?;
        let events = events["data"].as_array().context("a payment without a trail")?;
        self.output.line("   its audit trail, each line tied to the one before it");
        for event in events {
            let (kind, after) = (text(event, "type")?, text(event, "after")?);
            let hash: String = text(event, "hash")?.chars().take(12).collect();
            self.output.line(format!("      {} {kind:<20} {after:<20} {hash}", event["seq"]));
        }
        ensure!(events.len() == 4, "the trail has {} entries", events.len());
        self.output.line("");
        Ok(())
    }

    async fn pay(&self, key: &str, method: &str) -> anyhow::Result<(u16, Value, bool)> {
        let body = json!({"customer_id": "cust_123", "amount": 49.99, "currency": "USD", "payment_method_id": method});
        self.post("/payments", key, &body).await
    }

    /// Status, body, and whether it was answered before.
    async fn post(&self, path: &str, key: &str, body: &Value) -> anyhow::Result<(u16, Value, bool)> {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(self.seller).json(body);
        let answer = request.header("idempotency-key", key).send().await?;
        let replayed = answer.headers().contains_key("idempotency-replayed");
        Ok((answer.status().as_u16(), answer.json().await?, replayed))
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(self.seller);
        Ok(request.send().await?.error_for_status()?.json().await?)
    }
}

fn text(object: &Value, member: &str) -> anyhow::Result<String> {
    object[member].as_str().map(ToOwned::to_owned).with_context(|| format!("no {member} in {object}"))
}
