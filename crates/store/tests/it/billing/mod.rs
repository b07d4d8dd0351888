//! Billing on both engines: balances that are enforced, keys that have one effect, periods, leases.

mod balances;
mod changes;
mod corrections;
mod load;
mod metrics;
mod rows;
mod seller;
mod shared;
mod sold;
mod times;
