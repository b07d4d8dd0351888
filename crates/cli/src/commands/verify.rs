//! `farebox verify`.

use std::process::ExitCode;

use farebox_store::SchemaState;
use serde_json::json;

use crate::{config::Config, database, failure::failure, output::Output};

pub(crate) async fn run(config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let store = database::open_to_read(config).await?;
    if store.schema().await? == SchemaState::Empty {
        let what = format!("{} holds no farebox ledger", config.database_url);
        return Err(failure(what, "check --database-url; `farebox init` makes one"));
    }
    let progress = output.progress("rebuilding balances");
    let report = store.verify().await?;
    drop(progress);
    let differences: Vec<String> = report.differences.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "{} transfers, {} accounts and {} audit lines read.\n",
        report.transfers, report.accounts, report.audit_lines
    );
    if report.is_clean() {
        text.push_str("Everything agrees.");
    } else {
        text.push_str(&format!("{} differences:\n  {}", differences.len(), differences.join("\n  ")));
    }
    let object = json!({
        "clean": report.is_clean(),
        "accounts": report.accounts,
        "transfers": report.transfers,
        "audit_lines": report.audit_lines,
        "differences": differences,
    });
    output.answer(text, &object);
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
