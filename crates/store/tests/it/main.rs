//! The one suite that both engines pass. SQLite runs in a folder of its own; PostgreSQL in a database of its own on the
//! server that `FAREBOX_TEST_POSTGRES` names (a URL whose user may create databases). Every test ends with
//! `Store::verify`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

mod billing;
mod cold;
mod commit;
mod corruption;
mod deliveries;
mod gate_answers;
mod ledger;
mod limits;
mod load;
mod lost;
mod office;
mod open;
mod outbox;
mod payments;
mod poison;
mod proxy;
mod replay;
mod resources;
mod schema;
mod settlements;
mod settlements_lost;
mod shop;
mod steps;
mod time;
mod world;
