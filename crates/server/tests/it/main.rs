//! The credits backend over real stores: every test runs on SQLite, and on PostgreSQL when `FAREBOX_TEST_POSTGRES` names a
//! server on which databases may be created. Every test ends with the store's own audit.

#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_pass_by_value, clippy::print_stderr)]

/// Each `async fn` becomes one test per database.
macro_rules! on_both {
    ($(async fn $name:ident($world:ident: &World) $body:block)*) => {
        $(async fn $name($world: &World) $body)*

        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let world = $crate::world::World::on_sqlite().await;
                super::$name(&world).await;
                world.finish().await;
            })*
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(world) = $crate::world::World::on_postgres().await {
                    super::$name(&world).await;
                    world.finish().await;
                }
            })*
        }
    };
}

mod agents;
mod billing;
mod bodies;
mod chain;
mod delegations;
mod edge;
mod facilitator;
mod facilitator_http;
/// Providers that speak as documented, shared with the tests of their clients.
#[allow(dead_code, unused_imports)]
#[path = "../../../providers/tests/it/fake/mod.rs"]
mod fake;
mod holds;
mod hostile;
mod journey;
mod keys;
mod payments;
mod plans;
mod requests;
mod settle;
mod spans;
mod tokens;
mod worker;
mod world;
