//! How the billing API is run: `[billing]`.

use farebox_server::{
    WebhookTargets,
    billing::{BillingSettings, RedirectPolicy},
    facilitator::RateLimit,
};
use serde::{Deserialize, Serialize};

use crate::failure::failure;

/// The keys of its table.
pub(super) const BILLING_KEYS: [&str; 6] =
    ["rate_limit", "public_rate_limit", "redirect_policy", "redirect_domains", "public_url", "webhook_targets"];

#[derive(Serialize, Deserialize)]
#[serde(default)]
pub(super) struct RawBilling {
    /// Requests of a token a minute; 0 is no limit.
    rate_limit: u32,
    /// Of an address without a token.
    public_rate_limit: u32,
    redirect_policy: Policy,
    redirect_domains: Domains,
    public_url: Option<String>,
    /// Where webhooks may be posted to.
    pub(super) webhook_targets: Targets,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Targets {
    #[default]
    PublicWhenLive,
    Public,
    Any,
}

impl From<Targets> for WebhookTargets {
    fn from(targets: Targets) -> Self {
        match targets {
            Targets::PublicWhenLive => Self::PublicWhenLive,
            Targets::Public => Self::Public,
            Targets::Any => Self::Any,
        }
    }
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Policy {
    #[default]
    StrictWhenLive,
    Strict,
    Lenient,
}

/// A list in a file, words between commas in the environment.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Domains {
    List(Vec<String>),
    Words(String),
}

impl Default for RawBilling {
    /// A runaway loop is stopped, a busy backend is not; nobody can fill the table of device codes.
    fn default() -> Self {
        Self {
            rate_limit: 600_000,
            public_rate_limit: 600,
            redirect_policy: Policy::default(),
            redirect_domains: Domains::List(Vec::new()),
            public_url: None,
            webhook_targets: Targets::default(),
        }
    }
}

impl RawBilling {
    pub(super) fn checked(self) -> anyhow::Result<BillingSettings> {
        let per_minute = |requests: u32| (requests > 0).then(|| RateLimit::per_minute(requests));
        let domains = match self.redirect_domains {
            Domains::List(list) => list,
            Domains::Words(words) => words.split(',').map(|word| word.trim().to_owned()).collect(),
        };
        let domains: Vec<String> = domains.into_iter().filter(|domain| !domain.is_empty()).collect();
        if let Some(bad) = domains.iter().find(|domain| !is_domain(domain)) {
            return Err(failure(
                format!("`{bad}` in billing.redirect_domains is no domain"),
                "write redirect_domains = [\"example.com\"], without https:// and paths; those below it are included",
            ));
        }
        let public_url = self.public_url.map(|url| url.trim_end_matches('/').to_owned());
        if let Some(bad) = public_url.as_ref().filter(|url| !url.starts_with("https://") && !url.starts_with("http://"))
        {
            let help = "write public_url = \"https://billing.example.com\"";
            return Err(failure(format!("`{bad}` in billing.public_url is no address"), help));
        }
        Ok(BillingSettings {
            payments: None,
            script: None,
            rate: per_minute(self.rate_limit),
            public_rate: per_minute(self.public_rate_limit),
            redirect_policy: match self.redirect_policy {
                Policy::StrictWhenLive => RedirectPolicy::StrictWhenLive,
                Policy::Strict => RedirectPolicy::Strict,
                Policy::Lenient => RedirectPolicy::Lenient,
            },
            redirect_domains: domains,
            public_url,
        })
    }
}

fn is_domain(text: &str) -> bool {
    let label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text.len() <= 253 && text.split('.').all(label)
}
