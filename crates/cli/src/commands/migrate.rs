//! `farebox migrate`.

use std::process::ExitCode;

use farebox_store::SchemaState;
use serde_json::json;

use crate::{config::Config, database, failure::failure, output::Output};

pub(crate) async fn run(config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let store = database::open(config).await?;
    let before = store.schema().await?;
    if let SchemaState::Newer { at, latest } = before {
        return Err(failure(
            format!("the database schema is at {at}; this version knows only up to {latest}"),
            "run the newer farebox that wrote it",
        ));
    }
    let progress = output.progress("migrating");
    let after = store.migrate().await?;
    drop(progress);
    store.close().await;
    let SchemaState::Current { at } = after else {
        return Err(failure("the schema is not up to date after migrating", "please report this"));
    };
    let changed = before != after;
    let text = if changed { format!("The schema is now at {at}.") } else { format!("The schema is at {at} already.") };
    output.answer(text, &json!({"schema": at, "changed": changed}));
    Ok(ExitCode::SUCCESS)
}
