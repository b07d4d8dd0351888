//! `farebox token`.

use std::{process::ExitCode, time::Duration};

use comfy_table::Table;
use farebox_server::{Keyring, Scope, Scopes, TokenTerms, issue_api_token, revoke_api_token};
use farebox_store::{ApiToken as ApiTokenRow, Merchant, Store};
use farebox_types::{ApiToken, Clock, Id, SystemClock, Timestamp};
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
        TokenCommand::Create { name, scopes, expires_in } => {
            let terms = terms(name, scopes, *expires_in, SystemClock.now());
            create(store, keyring, &merchant, &terms, output).await
        }
        TokenCommand::List => list(store, &merchant, output).await,
        TokenCommand::Revoke { id } => revoke(store, &merchant, id, output).await,
    }
}

fn terms<'a>(name: &'a str, scopes: &[Scope], expires_in: Option<Duration>, now: Timestamp) -> TokenTerms<'a> {
    let scopes = if scopes.is_empty() { Scopes::all() } else { Scopes::new(scopes.iter().copied()) };
    TokenTerms { name, scopes, expires_at: expires_in.map(|time| now.after(time)) }
}

async fn create(
    store: &dyn Store,
    keyring: &Keyring,
    merchant: &Merchant,
    terms: &TokenTerms<'_>,
    output: &Output,
) -> anyhow::Result<()> {
    let at = SystemClock.now();
    let (token, row) = issue_api_token(store, keyring, merchant.id, merchant.mode, terms, at).await?;
    let text = format!("{} ({}, scopes {}), shown this once:\n{}", row.id, row.name, terms.scopes, token.expose());
    let object = json!({
        "id": row.id.to_string(),
        "name": row.name,
        "api_token": token.expose(),
        "scopes": row.scopes,
        "expires_at_seconds": row.expires_at.map(Timestamp::seconds),
    });
    output.answer(text, &object);
    Ok(())
}

fn state(row: &ApiTokenRow, now: Timestamp) -> &'static str {
    match (row.revoked_at, row.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= now => "expired",
        (None, _) => "active",
    }
}

async fn list(store: &dyn Store, merchant: &Merchant, output: &Output) -> anyhow::Result<()> {
    let rows = store.api_tokens(merchant.id).await?;
    let mut table = Table::new();
    table.set_header(["id", "name", "state", "scopes"]);
    let mut objects = Vec::new();
    for row in &rows {
        let (state, scopes) = (state(row, SystemClock.now()), Scopes::read(&row.scopes).to_string());
        table.add_row([row.id.to_string(), row.name.clone(), state.to_owned(), scopes.clone()]);
        objects.push(json!({
            "id": row.id.to_string(),
            "name": row.name,
            "state": state,
            "scopes": scopes,
            "created_at_seconds": row.created_at.seconds(),
            "expires_at_seconds": row.expires_at.map(Timestamp::seconds),
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
