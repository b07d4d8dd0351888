//! The chain that all of them share: asked over JSON-RPC, for what a benchmark cannot take anybody's word for.

use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use farebox_evm::primitives::{Address, U256};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};

use super::payments::TOKEN;

/// More tokens than any run spends.
const PLENTY: u64 = 1_000_000_000_000;

pub(super) struct Chain {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
}

impl Chain {
    pub(super) fn new(url: &str) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build(HttpConnector::new()), url: url.to_owned() }
    }

    /// Gives every payer tokens. One after another: anvil may forget a transaction that overtook the one before it.
    pub(super) async fn fund(&self, payers: &[Address]) -> anyhow::Result<()> {
        let accounts = self.call("eth_accounts", json!([])).await?;
        for payer in payers {
            let data = format!("0x40c10f19{:064x}{PLENTY:064x}", U256::from_be_bytes(payer.into_word().0));
            self.call("eth_sendTransaction", json!([{"from": accounts[9], "to": TOKEN.to_string(), "data": data}]))
                .await?;
        }
        for payer in payers {
            self.until(|| async { Ok(self.balance(*payer).await? >= U256::from(PLENTY)) }).await?;
        }
        Ok(())
    }

    pub(super) async fn balance(&self, owner: Address) -> anyhow::Result<U256> {
        let data = format!("0x70a08231{:064x}", U256::from_be_bytes(owner.into_word().0));
        number(&self.call("eth_call", json!([{"to": TOKEN.to_string(), "data": data}, "latest"])).await?)
    }

    /// Transactions that `sender` has spent, once none of them is waiting.
    pub(super) async fn spent(&self, sender: Address) -> anyhow::Result<U256> {
        let count = |block: &'static str| async move {
            number(&self.call("eth_getTransactionCount", json!([sender.to_string(), block])).await?)
        };
        self.until(|| async { Ok(count("latest").await? == count("pending").await?) }).await?;
        count("latest").await
    }

    async fn until<F: Future<Output = anyhow::Result<bool>>>(&self, mut done: impl FnMut() -> F) -> anyhow::Result<()> {
        for _ in 0..500 {
            if done().await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the chain at {} does not get on", self.url)
    }

    async fn call(&self, method: &str, params: Value) -> anyhow::Result<Value> {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let request = Request::post(&self.url).header("content-type", "application/json");
        let answer = self.client.request(request.body(Full::from(serde_json::to_vec(&call)?))?).await?;
        let mut answer: Value = serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?;
        match answer.get("error") {
            Some(error) => bail!("the chain refused {method}: {error}"),
            None => Ok(answer["result"].take()),
        }
    }
}

fn number(value: &Value) -> anyhow::Result<U256> {
    let text = value.as_str().context("not a number")?;
    Ok(U256::from_str_radix(text.trim_start_matches("0x"), 16)?)
}
