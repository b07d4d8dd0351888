//! The walk itself, one step after the other, each checked.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use farebox_payer::Payer;
use farebox_types::Secret;
use serde_json::{Value, json};

use super::{api, backend::Backend, payments};
use crate::output::Output;

const FIRST_PLAN: u64 = 10;
const PARALLEL: usize = 50;

pub(super) struct Walk<'a> {
    output: &'a Output,
    backend: &'a mut Backend,
    api: String,
    http: reqwest::Client,
    seller: String,
    /// Of the billing API.
    api_token: String,
    plan: String,
    buyers: [Buyer; 3],
}

/// A buyer's key and account.
struct Buyer {
    key: String,
    account: String,
}

impl<'a> Walk<'a> {
    /// Starts the server and the API, with a merchant, its keys and a free plan.
    pub(super) async fn start(
        backend: &'a mut Backend,
        listen: SocketAddr,
        output: &'a Output,
    ) -> anyhow::Result<Self> {
        let progress = output.progress("starting the server");
        backend.run(&["init", "--merchant", "demo", "--mode", "test"]).await?;
        let seller = backend.ask(&["key", "create", "--role", "seller"], "api_key").await?;
        let api_token = backend.ask(&["token", "create", "--name", "demo"], "api_token").await?;
        // Keys are made before the server starts: it will own the database file.
        let buyers = [new_buyer(backend).await?, new_buyer(backend).await?, new_buyer(backend).await?];
        backend.start().await?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
        let plan = register_plan(&http, &backend.url(), &seller).await?;
        let api = api::start(listen, &backend.url(), Secret::new(seller.clone()), &plan).await?;
        drop(progress);
        output.line(format!(
            "A credits backend at {}, a paid API at {api}.\nA free plan grants {FIRST_PLAN} credits; GET /joke costs 1.\n",
            backend.url()
        ));
        Ok(Self { output, backend, api, http, seller, api_token, plan, buyers })
    }

    /// 402, order, pay, receipt, balance.
    pub(super) async fn first_paid_request(&self) -> anyhow::Result<()> {
        self.step(1, "A first paid request");
        let [buyer, ..] = &self.buyers;
        let url = format!("{}/joke", self.api);
        let unpaid = self.http.get(&url).send().await?;
        ensure!(unpaid.status() == 402, "an unpaid request was answered {}", unpaid.status());
        ensure!(unpaid.headers().contains_key("payment-required"), "a 402 without an offer");
        self.output.line("   GET /joke               402 Payment Required, with an offer in payment-required");

        self.order(buyer).await?;
        self.output.line(format!("   order the free plan     {FIRST_PLAN} credits"));

        let paid = self.payer(buyer)?.get(&url).send().await?;
        let receipt = paid.receipt().cloned().context("a paid answer without a receipt")?;
        ensure!(paid.status() == 200 && receipt.success, "a paid request was answered {}", paid.status());
        let redeemed = receipt.credits_redeemed.unwrap_or_default();
        let left = receipt.remaining_balance.unwrap_or_default();
        self.output.line(format!("   GET /joke, paying       200, {redeemed} credit redeemed, {left} left"));
        self.output.line(format!("                           receipt {}", receipt.transaction));

        let balance = self.balance(buyer).await?;
        ensure!(balance == FIRST_PLAN - 1, "the balance is {balance}");
        self.output.line(format!("   balance                 {balance}\n"));
        Ok(())
    }

    /// Parallel requests never share a credit.
    pub(super) async fn more_requests_than_credits(&self) -> anyhow::Result<()> {
        self.step(2, &format!("{PARALLEL} requests at once on {FIRST_PLAN} credits"));
        let [_, buyer, _] = &self.buyers;
        self.order(buyer).await?;
        let token: Arc<str> = self.token(buyer).await?.into();
        let requests: Vec<_> =
            (0..PARALLEL).map(|_| tokio::spawn(get(self.http.clone(), self.joke(), Arc::clone(&token)))).collect();
        let (mut served, mut refused) = (0, 0);
        for request in requests {
            match request.await?? {
                200 => served += 1,
                402 => refused += 1,
                other => anyhow::bail!("a request was answered {other}"),
            }
        }
        ensure!(served == FIRST_PLAN, "{served} requests were served on {FIRST_PLAN} credits");
        self.output.line(format!("   served {served}, refused {refused}, balance {}\n", self.balance(buyer).await?));
        Ok(())
    }

    /// `kill -9` under load, restart, verify.
    pub(super) async fn killed_in_the_middle(&mut self) -> anyhow::Result<()> {
        self.step(3, "kill -9 of the server in the middle of a load");
        let granted = 5_000;
        self.mint(&self.buyers[2], granted).await?;
        let token: Arc<str> = self.token(&self.buyers[2]).await?.into();
        let callers: Vec<_> =
            (0..8).map(|_| tokio::spawn(load(self.http.clone(), self.joke(), Arc::clone(&token)))).collect();
        tokio::time::sleep(Duration::from_millis(400)).await;
        self.backend.kill().await?;
        let mut served = 0;
        for caller in callers {
            served += caller.await?;
        }
        self.output.line(format!("   killed after {served} answers"));

        let (status, report) = self.backend.run(&["verify"]).await?;
        ensure!(status.success() && report["clean"] == json!(true), "verify found differences: {report}");
        self.output
            .line(format!("   farebox verify          {} transfers read, everything agrees", report["transfers"]));
        self.backend.start().await?;
        let burned = granted - self.balance(&self.buyers[2]).await?;
        ensure!(burned >= served, "{served} answers were paid for with {burned} credits");
        self.output
            .line(format!("   restarted               {burned} credits burned or still held for {served} answers\n"));
        Ok(())
    }

    /// Card payments of the same merchant.
    pub(super) async fn cards(&self, number: u8) -> anyhow::Result<()> {
        payments::walk(&self.backend.url(), &self.seller, number, self.output).await
    }

    /// The billing API's token, for further steps.
    pub(super) fn api_token(&self) -> &str {
        &self.api_token
    }

    /// The server's folder and commands, for further steps.
    pub(super) fn backend(&self) -> &Backend {
        self.backend
    }

    /// What is running, and what to type.
    pub(super) fn say_how_to_try(&self, once: bool) {
        let (api, url, [buyer, ..]) = (&self.api, self.backend.url(), &self.buyers);
        let key = &buyer.key;
        let object = json!({"ok": true, "api": api, "backend": url, "plan": self.plan, "buyer_key": key});
        if once {
            self.output.answer("Everything worked.", &object);
            return;
        }
        let text = format!(
            "Everything worked, and stays up until Ctrl-C. Try:\n\n   curl -i {api}/joke\n   \
             FAREBOX_API_KEY='{key}' farebox pay {api}/joke --backend {url}\n   \
             curl {url}/api/v1/protocol/plans/{}/balance/{}\n",
            self.plan, buyer.account
        );
        self.output.answer(text, &object);
    }

    fn step(&self, number: u8, what: &str) {
        self.output.line(format!("{number}. {what}"));
    }

    fn joke(&self) -> String {
        format!("{}/joke", self.api)
    }

    fn payer(&self, buyer: &Buyer) -> anyhow::Result<Payer> {
        Ok(Payer::builder().credits(self.backend.url(), Secret::new(buyer.key.clone())).build()?)
    }

    async fn order(&self, buyer: &Buyer) -> anyhow::Result<()> {
        let path = format!("/protocol/plans/{}/order", self.plan);
        call(&self.http, &self.backend.url(), &buyer.key, &path, &json!({})).await.map(drop)
    }

    async fn mint(&self, buyer: &Buyer, amount: u64) -> anyhow::Result<()> {
        let body = json!({"planId": self.plan, "amount": amount, "creditsReceiver": buyer.account});
        call(&self.http, &self.backend.url(), &self.seller, "/protocol/plans/mint", &body).await.map(drop)
    }

    /// A reusable token, as many parallel requests want it.
    async fn token(&self, buyer: &Buyer) -> anyhow::Result<String> {
        let accepted = json!({"scheme": "nvm:erc4337", "network": "eip155:84532", "planId": self.plan});
        let body = json!({"accepted": accepted});
        let answer = call(&self.http, &self.backend.url(), &buyer.key, "/x402/permissions", &body).await?;
        answer["accessToken"].as_str().map(ToOwned::to_owned).context("no access token")
    }

    async fn balance(&self, buyer: &Buyer) -> anyhow::Result<u64> {
        let url = format!("{}/api/v1/protocol/plans/{}/balance/{}", self.backend.url(), self.plan, buyer.account);
        let answer: Value = self.http.get(url).send().await?.error_for_status()?.json().await?;
        let balance = &answer["balance"];
        balance.as_u64().or_else(|| balance.as_str()?.parse().ok()).context("a balance that is no number")
    }
}

async fn new_buyer(backend: &Backend) -> anyhow::Result<Buyer> {
    let (_, answer) = backend.run(&["key", "create", "--role", "buyer"]).await?;
    let text = |member: &str| answer[member].as_str().map(ToOwned::to_owned).context("no buyer key");
    Ok(Buyer { key: text("api_key")?, account: text("account")? })
}

async fn register_plan(http: &reqwest::Client, backend: &str, seller: &str) -> anyhow::Result<String> {
    let body = json!({
        "metadataAttributes": {"name": "Demo plan"},
        "priceConfig": {"amounts": [], "receivers": [], "isCrypto": true},
        "creditsConfig": {
            "isRedemptionAmountFixed": false, "redemptionType": 4, "durationSecs": "0",
            "amount": FIRST_PLAN.to_string(), "minAmount": "1", "maxAmount": "100",
        },
        "nonce": "1", "isTrialPlan": false, "accessLimit": "credits",
    });
    let answer = call(http, backend, seller, "/protocol/plans", &body).await?;
    answer["planId"].as_str().map(ToOwned::to_owned).context("no plan id")
}

async fn call(http: &reqwest::Client, backend: &str, key: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
    let answer = http.post(format!("{backend}/api/v1{path}")).bearer_auth(key).json(body).send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    ensure!(status.is_success(), "{path} was answered {status}: {text}");
    Ok(serde_json::from_str(&text)?)
}

async fn get(http: reqwest::Client, url: String, token: Arc<str>) -> anyhow::Result<u16> {
    Ok(http.get(url).header("payment-signature", &*token).send().await?.status().as_u16())
}

/// Requests one after the other until one is not served; how many were.
async fn load(http: reqwest::Client, url: String, token: Arc<str>) -> u64 {
    let mut served = 0;
    while matches!(get(http.clone(), url.clone(), Arc::clone(&token)).await, Ok(200)) {
        served += 1;
    }
    served
}
