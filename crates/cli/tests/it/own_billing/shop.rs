//! A merchant who sells a plan, with a server that runs.

use std::process::Command;

use farebox_client::{
    Client,
    api::{FeatureConfig, MetricConfig, PlanConfig},
};
use farebox_types::Secret;
use serde_json::Value;

use crate::{
    relay::{Relay, SECRET, command},
    world::{Engine, Server, World},
};

const METRIC: &str = r#"{"code":"calls","aggregation":"sum"}"#;
const FEATURE: &str = r#"{"code":"api_calls","name":"API calls","kind":"metered","billableMetric":"calls"}"#;

fn plan(code: &str, calls: u32) -> String {
    format!(
        r#"{{"code":"{code}","name":"{code}","prices":[{{"amount":0,"currency":"USD","interval":"month"}}],
           "features":{{"api_calls":{{"includedUsage":{calls},"usageCycle":"calendar_month"}}}}}}"#
    )
}

pub(crate) struct Shop {
    pub(crate) world: World,
    pub(crate) server: Server,
    pub(crate) token: String,
    pub(crate) client: Client,
}

impl Shop {
    /// Two free plans, `small` with 10 calls a month and `large` with 100; `None` if the engine is not there.
    pub(crate) async fn open(engine: Engine) -> Option<Self> {
        Self::with(engine, &[]).await
    }

    /// The same, the server with more in its environment.
    pub(crate) async fn with(engine: Engine, environment: &[(&str, &str)]) -> Option<Self> {
        let shop = Self::empty(engine, environment).await?;
        let admin = shop.client.admin();
        let metric: MetricConfig = serde_json::from_str(METRIC).unwrap();
        let feature: FeatureConfig = serde_json::from_str(FEATURE).unwrap();
        admin.billable_metrics().put(&"calls".parse().unwrap(), metric).await.unwrap();
        admin.features().put(&"api_calls".parse().unwrap(), feature).await.unwrap();
        for (code, calls) in [("small", 10), ("large", 100)] {
            let plan: PlanConfig = serde_json::from_str(&plan(code, calls)).unwrap();
            admin.plans().put(&code.parse().unwrap(), plan).await.unwrap();
        }
        Some(shop)
    }

    /// A merchant who sells nothing yet.
    pub(crate) async fn empty(engine: Engine, environment: &[(&str, &str)]) -> Option<Self> {
        let world = World::new(engine).await?;
        let said = world.json(&["init", "--merchant", "acme", "--mode", "test", "--json"]);
        let token = said["api_token"].as_str().unwrap().to_owned();
        let server = world.serve_with(environment);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder(Secret::new(token.clone())).base_url(&server.url).build().unwrap();
        Some(Self { world, server, token, client })
    }

    /// The relay as a process in front of it, with more arguments and secrets.
    pub(crate) fn relay(&self, more: &[&str], environment: &[(&str, &str)]) -> Relay {
        Relay::start(self.relay_command(more, environment))
    }

    pub(crate) fn relay_command(&self, more: &[&str], environment: &[(&str, &str)]) -> Command {
        let mut command = command(&["--identity", "headers", "--upstream-url", &self.server.url]);
        command.args(more).env("PAYLERA_API_TOKEN", &self.token).env("PAYLERA_RELAY_SECRET", SECRET);
        command.envs(environment.iter().copied());
        command
    }

    /// What the API itself answers, as its merchant sees it.
    pub(crate) async fn ask(&self, path: &str) -> (u16, Vec<u8>) {
        let http = super::page::http();
        let answer = http.get(format!("{}{path}", self.server.url)).bearer_auth(&self.token).send().await.unwrap();
        (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
    }

    pub(crate) async fn plan(&self, code: &str) -> String {
        let (_, body) = self.ask("/v1/plans").await;
        let plans: Value = serde_json::from_slice(&body).unwrap();
        let plan = plans["data"].as_array().unwrap().iter().find(|plan| plan["code"] == code).unwrap();
        plan["id"].as_str().unwrap().to_owned()
    }

    /// Stops the server in good order; every balance must agree.
    pub(crate) async fn close(self) {
        assert_eq!(self.server.terminate(), Some(0));
        self.world.finish().await;
    }
}
