//! The binary, run as a user runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, clippy::disallowed_methods)]

mod billing_settings;
mod billing_usage;
mod commands;
mod deliveries;
mod facilitator;
mod guides;
mod hostile;
mod journey;
mod kill_9;
mod kill_9_settling;
mod login;
mod mcp;
mod one_answer;
mod own_billing;
mod parallel;
mod pay;
mod payments;
mod plans;
mod relay;
mod sim_provider;
mod stack;
mod telemetry;
mod webhooks;
mod world;
