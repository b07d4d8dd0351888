//! What is sold, to write: upserts by code, as configuration files apply them.

mod archive;
mod check;
mod features;
mod metrics;
mod plans;
mod prices;
mod products;
mod settings;
mod terms;

pub(super) use archive::{archive_feature, archive_metric, archive_plan, archive_product};
pub use check::check_config;
pub(super) use features::put_feature;
pub(super) use metrics::put_metric;
pub(super) use plans::put_plan;
pub(super) use products::put_product;
pub(super) use settings::{put_settings, settings};
pub(super) use terms::terms;

use farebox_api::{Changed, Code};
use farebox_store::billing::{Entity, Put, Row};
use uuid::Uuid;

use super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
};

/// The path's code, which the body's must be.
fn code(call: &Call, body: &Code) -> Result<String, Denial> {
    let path: Code =
        call.segment("code").parse().map_err(|_| Denial::not_found("endpoint: codes are ^[a-z][a-z0-9_]{0,63}$"))?;
    if path == *body { Ok(path.to_string()) } else { Err(Denial::member("/code", "must be the path's")) }
}

/// Writes what a code names, unless it is so already.
async fn upsert<T: Entity + PartialEq>(
    desk: &Desk,
    call: &Call,
    present: Option<Row<T>>,
    wanted: T,
    action: &'static str,
) -> Result<Reply, Denial> {
    let id = wanted.id();
    match present {
        Some(row) if row.value == wanted => desk.remember_if_named(call, unchanged(id)?).await,
        Some(row) => {
            let reply = Reply::ok(&Changed { id, changed: true })?;
            desk.write(call, vec![Put::update(&row.with(wanted), action)?], &reply).await
        }
        None => {
            let reply = Reply::with(201, &Changed { id, changed: true })?;
            desk.write(call, vec![Put::new(&wanted, action)?], &reply).await
        }
    }
}

fn unchanged(id: Uuid) -> Result<Reply, Denial> {
    Ok(Reply::ok(&Changed { id, changed: false })?)
}
