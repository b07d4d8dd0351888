//! Payments on EVM chains. Tests that need one run when `FAREBOX_TEST_ANVIL` names its RPC address, as `./x test` does.

#[cfg(feature = "devchain")]
mod devchain;
#[cfg(feature = "chain")]
mod settling;
mod vectors;
#[cfg(feature = "chain")]
mod verifying;
#[cfg(feature = "chain")]
mod world;
