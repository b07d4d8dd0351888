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
    /// Key that Stripe made for browsers: checkouts take cards by Stripe's own script with it.
    #[arg(long, value_name = "KEY", env = "STRIPE_PUBLISHABLE_KEY")]
    pub(crate) stripe_publishable_key: Option<String>,
    /// Another address of Stripe's script.
    #[arg(long, value_name = "URL", hide = true)]
    pub(crate) stripe_script_url: Option<String>,
    /// Another endpoint of Toss Payments.
    #[arg(long, value_name = "URL")]
    pub(crate) toss_url: Option<String>,
    /// Key that Toss Payments made for browsers: checkouts take cards in its own window with it.
    #[arg(long, value_name = "KEY", env = "TOSS_CLIENT_KEY")]
    pub(crate) toss_client_key: Option<String>,
    /// Another address of Toss Payments' script.
    #[arg(long, value_name = "URL", hide = true)]
    pub(crate) toss_script_url: Option<String>,
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
