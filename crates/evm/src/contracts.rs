//! Contracts that have one address on every chain.

use alloy_primitives::{Address, address};

/// Permit2.
pub const PERMIT2: Address = address!("000000000022D473030F116dDEE9F6B43aC78BA3");
/// Takes a Permit2 transfer to its payee, in full.
pub const EXACT_PROXY: Address = address!("402085c248EeA27D92E8b30b2C58ed07f9E20001");
/// Takes a Permit2 transfer to its payee, up to its amount.
pub const UPTO_PROXY: Address = address!("4020A4f3b7b90ccA423B9fabCc0CE57C6C240002");
/// Many calls in one.
pub const MULTICALL3: Address = address!("cA11bde05977b3631167028862bE2a173976CA11");
