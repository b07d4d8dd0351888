//! The facilitator on a real chain, which `FAREBOX_TEST_ANVIL` names; without one these tests say that they are skipped.

mod alone;
mod crash;
mod http;
mod node;
mod ordering;
mod owed;
mod people;
mod rpc;
mod settling;
mod town;
