//! `farebox token`.

use std::process::ExitCode;

use comfy_table::Table;
use farebox_server::{Keyring, issue_api_token, revoke_api_token};
use farebox_store::{Merchant, Store};
use farebox_types::{ApiToken, Clock, Id, SystemClock};
use serde_json::json;

use crate::{
    args::{TokenArgs, TokenCommand},
    config::Config,
    database::{self, Missing},
    failure::failure,
    output::Output,
};

pub(crate) async fn run(config: &Config, args: &TokenArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let (store, keyring) = database::open_current(config, Missing::Refuse).await?;
    let done = act(&*store, &keyring, args, output).await;
    store.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn act(store: &dyn Store, keyring: &Keyring, args: &TokenArgs, output: &Output) -> anyhow::Result<()> {
    let merchant = database::merchant(store, args.merchant.as_deref()).await?;
    match &args.command {
        TokenCommand::Create { name } => create(store, keyring, &merchant, name, output).await,
        TokenCommand::List => list(store, &merchant, output).await,
        TokenCommand::Revoke { id } => revoke(store, &merchant, id, output).await,
    }
}

async fn create(
    store: &dyn Store,
    keyring: &Keyring,
    merchant: &Merchant,
    name: &str,
    output: &Output,
) -> anyhow::Result<()> {
    let at = SystemClock.now();
    let (token, row) = issue_api_token(store, keyring, merchant.id, merchant.mode, name, at).await?;
    let text = format!("{} ({name}), shown this once:\n{}", row.id, token.expose());
    output.answer(text, &json!({"id": row.id.to_string(), "name": name, "api_token": token.expose()}));
    Ok(())
}

async fn list(store: &dyn Store, merchant: &Merchant, output: &Output) -> anyhow::Result<()> {
    let rows = store.api_tokens(merchant.id).await?;
    let mut table = Table::new();
    table.set_header(["id", "name", "state"]);
    let mut objects = Vec::new();
    for row in &rows {
        let state = if row.revoked_at.is_some() { "revoked" } else { "active" };
        table.add_row([row.id.to_string(), row.name.clone(), state.to_owned()]);
        objects.push(json!({
            "id": row.id.to_string(),
            "name": row.name,
            "state": state,
            "created_at_seconds": row.created_at.seconds(),
        }));
    }
    output.answer(table.to_string(), &json!(objects));
    Ok(())
}

async fn revoke(store: &dyn Store, merchant: &Merchant, id: &str, output: &Output) -> anyhow::Result<()> {
    let id: Id<ApiToken> = id.parse().map_err(|error| failure(format!("{error}"), "see `farebox token list`"))?;
    if store.api_token(merchant.id, id).await?.is_none() {
        return Err(failure(format!("{} has no token {id}", merchant.name), "see `farebox token list`"));
    }
    revoke_api_token(store, merchant.id, id, SystemClock.now()).await?;
    output.answer(format!("{id} is revoked."), &json!({"id": id.to_string(), "revoked": true}));
    Ok(())
}
