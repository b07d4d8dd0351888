//! Flags of `farebox config`, `farebox login` and `farebox logout`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Which billing server.
#[derive(Args)]
pub(crate) struct ConnectArgs {
    /// The billing server [default: the one of the last `farebox login`, else http://127.0.0.1:3001]. FAREBOX_TOKEN holds a
    /// token, where there is no login.
    #[arg(long, value_name = "URL", env = "FAREBOX_URL")]
    pub(crate) url: Option<String>,
    /// File that logins are kept in [default: farebox/credentials.json in the user's configuration folder].
    #[arg(long, value_name = "FILE", env = "FAREBOX_CREDENTIALS")]
    pub(crate) credentials: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct PlansArgs {
    #[command(subcommand)]
    pub(crate) command: PlansCommand,
}

#[derive(Subcommand)]
pub(crate) enum PlansCommand {
    /// Show what an apply would change, and what somebody changed on the server since the last one.
    Plan(PlanArgs),
    /// Make the server sell what the file says. Safe to repeat, also after an interruption.
    Apply(ApplyArgs),
    /// Write what the server sells to a file whose plan is empty.
    Pull(PullArgs),
    /// Print the JSON Schema of the file.
    Schema,
}

/// What is compared.
#[derive(Args)]
pub(crate) struct ComparedArgs {
    /// The file: .toml, .yaml, .yml or .json.
    #[arg(value_name = "FILE", default_value = "plans.toml")]
    pub(crate) file: PathBuf,
    /// Take what the file does not have out of sale.
    #[arg(long)]
    pub(crate) archive: bool,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

#[derive(Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) compared: ComparedArgs,
    /// Exit 2 if there is a difference.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Args)]
pub(crate) struct ApplyArgs {
    #[command(flatten)]
    pub(crate) compared: ComparedArgs,
    /// Apply without asking.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Take back what somebody changed on the server since the last apply.
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Args)]
pub(crate) struct PullArgs {
    /// The file: .toml, .yaml, .yml or .json; `-` prints TOML.
    #[arg(value_name = "FILE", default_value = "plans.toml")]
    pub(crate) file: PathBuf,
    /// Replace the file.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

#[derive(Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// What the token shall be able to do, words between spaces.
    #[arg(long, value_name = "SCOPES", default_value = "billing:read billing:write billing:admin")]
    pub(crate) scope: String,
}

#[derive(Args)]
pub(crate) struct LogoutArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}
