//! The command line.

mod agents;
mod facilitator;
mod payments;
mod plans;
mod relay;
mod webhooks;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use farebox_server::Scope;
use farebox_types::Mode;

pub(crate) use agents::{McpArgs, SimProviderArgs};
pub(crate) use facilitator::{FacilitatorArgs, FacilitatorFlags};
pub(crate) use payments::{PaymentFlags, ReconcileArgs};
pub(crate) use plans::{
    ApplyArgs, ComparedArgs, ConnectArgs, LoginArgs, LogoutArgs, PlanArgs, PlansArgs, PlansCommand, PullArgs,
};
pub(crate) use relay::{IdentityArg, JwtArgs, Member, RelayArgs};
pub(crate) use webhooks::{ProviderArg, WebhooksArgs, WebhooksCommand};

/// How software takes payment: passes, fares and payments on one durable ledger.
#[derive(Parser)]
#[command(name = "farebox", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args)]
pub(crate) struct Global {
    /// Configuration file [default: farebox.toml, if there is one].
    #[arg(long, global = true, value_name = "FILE", env = "FAREBOX_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// sqlite:PATH or postgres://USER@HOST:PORT/NAME [default: sqlite:farebox.db].
    #[arg(long, global = true, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    /// File that holds the 32-byte secret key, as 64 hex digits; FAREBOX_SECRET_KEY holds the key itself.
    #[arg(long, global = true, value_name = "FILE", env = "FAREBOX_SECRET_KEY_FILE")]
    pub(crate) secret_key_file: Option<PathBuf>,
    /// Print one JSON object instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create the database, the first merchant and its API token. Safe to repeat.
    Init(InitArgs),
    /// Run the credits backend and the billing API, and the facilitator under /facilitator when a chain is configured.
    Serve(ServeArgs),
    /// Run a facilitator: verify and settle payments on chains, for x402 and t402.
    Facilitator(FacilitatorArgs),
    /// Run the relay: the browser's door to the billing API, for backends in any language.
    Relay(RelayArgs),
    /// Plans as code: plan, apply and pull what a billing server sells.
    #[command(name = "config")]
    Plans(PlansArgs),
    /// Let this machine into a billing server, with a browser (RFC 8628).
    Login(LoginArgs),
    /// Take a login back.
    Logout(LogoutArgs),
    /// Watch a paid request, end to end, on this machine.
    Demo(DemoArgs),
    /// Make a request and pay for it, from a wallet on a chain or with credits.
    Pay(PayArgs),
    /// Let an agent read payments, and pay within a budget: an MCP server on standard input and output.
    Mcp(McpArgs),
    /// Run the simulated card provider as a process of its own.
    #[command(hide = true)]
    SimProvider(SimProviderArgs),
    /// Create and revoke keys of the credits API.
    Key(KeyArgs),
    /// Create, list and revoke management tokens.
    Token(TokenArgs),
    /// Print or rotate what card providers sign their webhooks with.
    Webhooks(WebhooksArgs),
    /// Compare a card provider's payments with ours, both ways; exit 1 on a difference.
    Reconcile(ReconcileArgs),
    /// Rebuild every balance from its transfers and compare; exit 1 on a difference.
    Verify,
    /// Bring the database schema up to date.
    Migrate,
    /// Print a completion script.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Whether it listens until it is told to stop.
    pub(crate) const fn serves(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::Facilitator(_) | Self::Relay(_))
    }

    pub(crate) const fn listen(&self) -> Option<SocketAddr> {
        match self {
            Self::Serve(args) => args.listen,
            Self::Facilitator(args) => args.listen,
            Self::Relay(args) => args.listen,
            _ => None,
        }
    }

    pub(crate) const fn facilitator(&self) -> Option<&FacilitatorFlags> {
        match self {
            Self::Serve(args) => Some(&args.facilitator),
            Self::Facilitator(args) => Some(&args.facilitator),
            _ => None,
        }
    }
}

/// An address to listen on.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "write IP:PORT, for example 127.0.0.1:3001")
}

/// A name that lists can show.
fn name(text: &str) -> Result<String, &'static str> {
    let good = !text.trim().is_empty() && text.len() <= 100 && !text.chars().any(char::is_control);
    if good { Ok(text.to_owned()) } else { Err("a name has 1 to 100 visible characters") }
}

#[derive(Args)]
pub(crate) struct InitArgs {
    /// Name of the first merchant.
    #[arg(long, value_name = "NAME", default_value = "default", value_parser = name)]
    pub(crate) merchant: String,
    /// test or live.
    #[arg(long, default_value = "test", value_parser = clap::value_parser!(Mode))]
    pub(crate) mode: Mode,
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Address to listen on [default: 127.0.0.1:3001].
    #[arg(long, value_name = "ADDRESS", env = "FAREBOX_LISTEN", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) facilitator: FacilitatorFlags,
    #[command(flatten)]
    pub(crate) payments: PaymentFlags,
    /// Stop when standard input ends: with whoever started this.
    #[arg(long, hide = true)]
    pub(crate) stop_with_stdin: bool,
}

#[derive(Args)]
pub(crate) struct DemoArgs {
    /// End after the walk instead of staying up.
    #[arg(long)]
    pub(crate) once: bool,
    /// Address of the paid API; port 0 is any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Folder for the demo's database [default: a temporary one].
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct PayArgs {
    /// What to request.
    #[arg(required_unless_present = "resume")]
    pub(crate) url: Option<String>,
    /// Method [default: GET, or POST with --data].
    #[arg(short = 'X', long)]
    pub(crate) method: Option<String>,
    /// Request body.
    #[arg(short, long, value_name = "TEXT")]
    pub(crate) data: Option<String>,
    /// Request header, `Name: value`; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,
    /// Base URL of the credits backend.
    #[arg(long, value_name = "URL", env = "FAREBOX_BACKEND_URL", default_value = "http://127.0.0.1:3001")]
    pub(crate) backend: String,
    /// File that holds the buyer's API key; FAREBOX_API_KEY holds the key itself.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// File that holds the key of a wallet, as 64 hex digits; FAREBOX_WALLET_KEY holds the key itself.
    #[arg(long, value_name = "FILE")]
    pub(crate) wallet_key_file: Option<PathBuf>,
    /// The most for this payment from the wallet [default: $1].
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) max: Option<String>,
    /// The most for one day's payments from the wallet, this one included.
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) max_per_day: Option<String>,
    /// Pay on this network only (eip155:8453, base); may be repeated.
    #[arg(long = "network", value_name = "NETWORK")]
    pub(crate) networks: Vec<String>,
    /// Pay this address only; may be repeated.
    #[arg(long = "payee", value_name = "ADDRESS")]
    pub(crate) payees: Vec<String>,
    /// A node that may be asked for an allowance: eip155:8453=https://…; may be repeated.
    #[arg(long = "rpc-url", value_name = "NETWORK=URL")]
    pub(crate) rpc_urls: Vec<String>,
    /// File that payments from the wallet are written to before they are sent [default: farebox/payer.jsonl in the user's
    /// state folder].
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// Show what would be paid, and pay nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Instead of a new request, show the payments whose outcome is not known to their sellers again.
    #[arg(long, conflicts_with_all = ["url", "dry_run"])]
    pub(crate) resume: bool,
}

#[derive(Args)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

#[derive(Subcommand)]
pub(crate) enum KeyCommand {
    /// Create a key and its account. The key is shown once.
    Create {
        /// seller (runs plans, settles) or buyer (orders and spends).
        #[arg(long)]
        role: RoleArg,
        /// Merchant, if there are several.
        #[arg(long, value_name = "NAME")]
        merchant: Option<String>,
    },
    /// Take a key back. It stops working within seconds.
    Revoke {
        /// The key's id, key_….
        id: String,
        /// Merchant, if there are several.
        #[arg(long, value_name = "NAME")]
        merchant: Option<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RoleArg {
    Seller,
    Buyer,
}

#[derive(Args)]
pub(crate) struct TokenArgs {
    /// Merchant, if there are several.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) merchant: Option<String>,
    #[command(subcommand)]
    pub(crate) command: TokenCommand,
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Create a token. It is shown once.
    Create {
        /// What it is for.
        #[arg(long, default_value = "token", value_parser = name)]
        name: String,
        /// What it may do: facilitator:verify, facilitator:settle, facilitator:read, billing:read, billing:write,
        /// billing:admin, payments:read, payments:write; may be repeated [default: *, everything].
        #[arg(long = "scope", value_name = "SCOPE", value_parser = clap::value_parser!(Scope))]
        scopes: Vec<Scope>,
        /// When it ends by itself: 90d, 12h, 30m [default: never].
        #[arg(long, value_name = "TIME", value_parser = facilitator::duration)]
        expires_in: Option<Duration>,
    },
    /// List tokens; their secrets are not stored.
    List,
    /// Take a token back.
    Revoke {
        /// The token's id, tok_….
        id: String,
    },
}
