//! The facilitator's HTTP edge, without a chain: its node is a closed port, so whatever needs one is out of reach.

mod catalogue;
mod door;
mod edge;
mod keys;
mod limits;
mod malformed;
