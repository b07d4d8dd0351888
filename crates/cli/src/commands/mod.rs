//! One file per command, and the signals they end on.

pub(crate) mod completions;
pub(crate) mod config;
mod connect;
mod credentials;
pub(crate) mod demo;
pub(crate) mod facilitator;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod mcp;
pub(crate) mod migrate;
mod page_script;
pub(crate) mod pay;
pub(crate) mod payments;
pub(crate) mod reconcile;
pub(crate) mod relay;
pub(crate) mod serve;
mod serving;
mod signals;
pub(crate) mod sim_provider;
pub(crate) mod token;
pub(crate) mod verify;
pub(crate) mod webhooks;
