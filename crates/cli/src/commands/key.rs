//! `farebox key`.

use std::process::ExitCode;

use farebox_server::{Keyring, issue_api_key, revoke_api_key};
use farebox_store::{Role, Store};
use farebox_types::{ApiKey, Clock, Id, SystemClock};
use serde_json::json;

use crate::{
    args::{KeyArgs, KeyCommand, RoleArg},
    config::Config,
    database::{self, Missing},
    failure::failure,
    output::Output,
};

pub(crate) async fn run(config: &Config, args: &KeyArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let (store, keyring) = database::open_current(config, Missing::Refuse).await?;
    let done = match &args.command {
        KeyCommand::Create { role, merchant } => create(&*store, &keyring, *role, merchant.as_deref(), output).await,
        KeyCommand::Revoke { id, merchant } => revoke(&*store, id, merchant.as_deref(), output).await,
    };
    store.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

async fn create(
    store: &dyn Store,
    keyring: &Keyring,
    role: RoleArg,
    merchant: Option<&str>,
    output: &Output,
) -> anyhow::Result<()> {
    let merchant = database::merchant(store, merchant).await?;
    let role = match role {
        RoleArg::Seller => Role::Seller,
        RoleArg::Buyer => Role::Buyer,
    };
    let (key, row) = issue_api_key(store, keyring, merchant.id, role, SystemClock.now()).await?;
    let text = format!(
        "A {} key of {}, shown this once:\n{}\n\nkey      {}\naccount  {}",
        row.role.as_str(),
        merchant.name,
        key.expose(),
        row.id,
        row.account
    );
    let object = json!({
        "api_key": key.expose(),
        "account": row.account.to_string(),
        "id": row.id.to_string(),
        "role": row.role.as_str(),
    });
    output.answer(text, &object);
    Ok(())
}

async fn revoke(store: &dyn Store, id: &str, merchant: Option<&str>, output: &Output) -> anyhow::Result<()> {
    let merchant = database::merchant(store, merchant).await?;
    let id: Id<ApiKey> = id.parse().map_err(|error| failure(format!("{error}"), "`farebox key create` printed it"))?;
    if store.api_key(merchant.id, id).await?.is_none() {
        return Err(failure(format!("{} has no key {id}", merchant.name), "check the id and --merchant"));
    }
    revoke_api_key(store, merchant.id, id, SystemClock.now()).await?;
    let text = format!("{id} is revoked; running servers follow within five seconds.");
    output.answer(text, &json!({"id": id.to_string(), "revoked": true}));
    Ok(())
}
