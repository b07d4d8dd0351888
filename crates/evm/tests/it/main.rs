//! Payments on EVM chains.

mod vectors;
