//! Flags of the payments service, and of `farebox reconcile`.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{ProviderArg, facilitator};

#[derive(Args)]
pub(crate) struct PaymentFlags {
    /// Card provider that /payments goes through.
    #[arg(long, value_name = "NAME", default_value = "sim")]
    pub(crate) provider: ProviderArg,
    /// Another endpoint of Stripe.
    #[arg(long, value_name = "URL")]
    pub(crate) stripe_url: Option<String>,
    /// Another endpoint of Toss Payments.
    #[arg(long, value_name = "URL")]
    pub(crate) toss_url: Option<String>,
    /// A simulated provider in a process of its own [default: one in this process].
    #[arg(long, value_name = "URL")]
    pub(crate) sim_url: Option<String>,
    /// File in which a simulated provider in this process remembers [default: beside the database file, or in this folder].
    #[arg(long, value_name = "FILE", conflicts_with = "sim_url")]
    pub(crate) sim_journal: Option<PathBuf>,
    /// Our key at the provider; better given by PAYMENT_API_KEY.
    #[arg(long, value_name = "KEY", env = "PAYMENT_API_KEY", hide_env_values = true, hide = true)]
    pub(crate) payment_api_key: Option<String>,
    /// Merchant whose account at the provider it is, if there are several.
    #[arg(long, value_name = "NAME")]
    pub(crate) payments_merchant: Option<String>,
}

/// `farebox reconcile`.
#[derive(Args)]
pub(crate) struct ReconcileArgs {
    #[command(flatten)]
    pub(crate) payments: PaymentFlags,
    /// How far back: 30d, 24h.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = facilitator::duration)]
    pub(crate) since: Duration,
}
