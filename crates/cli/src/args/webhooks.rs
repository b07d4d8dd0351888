//! `farebox webhooks`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Args)]
pub(crate) struct WebhooksArgs {
    /// Merchant, if there are several.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) merchant: Option<String>,
    #[command(subcommand)]
    pub(crate) command: WebhooksCommand,
}

#[derive(Subcommand)]
pub(crate) enum WebhooksCommand {
    /// Print what a card provider signs its webhooks to us with; the first time, make it.
    Secret {
        /// Which provider.
        #[arg(long)]
        provider: ProviderArg,
        /// Make a new one; the old one holds for as long as --grace says.
        #[arg(long)]
        rotate: bool,
        /// Take one that the provider has made, as Stripe does, from standard input.
        #[arg(long, conflicts_with = "rotate")]
        stdin: bool,
        /// How long the old one still holds: 24h, 30m.
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = super::facilitator::duration)]
        grace: Duration,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProviderArg {
    Sim,
    Stripe,
    Toss,
}

impl ProviderArg {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Stripe => "stripe",
            Self::Toss => "toss",
        }
    }
}
