//! The rules of Farebox, pure: no I/O, no clock, no randomness.
//!
//! [`ledger`] moves amounts between accounts, [`credits`] says what a plan's use costs, [`charge`] is the one machine
//! every way to pay is driven by. What a decision needs is loaded first and handed in.

pub mod charge;
pub mod credits;
pub mod delivery;
pub mod entitlement;
pub mod ledger;
pub mod payment;
pub mod settlement;
pub mod subscription;
