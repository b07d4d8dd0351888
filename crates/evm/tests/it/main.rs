//! Payments on EVM chains. Tests that need one run when `FAREBOX_TEST_ANVIL` names its RPC address, as `./x test` does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[cfg(feature = "devchain")]
mod devchain;
#[cfg(feature = "chain")]
mod dishonest;
#[cfg(feature = "chain")]
mod fake;
#[cfg(feature = "chain")]
mod histories;
#[cfg(feature = "chain")]
mod hostile;
mod malformed;
#[cfg(feature = "chain")]
mod settling;
mod vectors;
#[cfg(feature = "chain")]
mod verifying;
#[cfg(feature = "chain")]
mod world;
