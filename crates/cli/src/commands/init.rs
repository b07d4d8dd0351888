//! `farebox init`.

use std::process::ExitCode;

use farebox_engine::ledger::Actor;
use farebox_server::{Keyring, TokenTerms, new_api_token};
use farebox_store::{Change, Merchant, OperationKey, Record, Recorded, Store};
use farebox_types::{Clock, Id, Mode, SystemClock};
use serde_json::json;

use crate::{args::InitArgs, config::Config, database, database::Missing, failure::failure, output::Output};

pub(crate) async fn run(config: &Config, args: &InitArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let (store, keyring) = database::open_current(config, Missing::Create).await?;
    let answer = create(&*store, &keyring, args).await;
    store.close().await;
    let (merchant, token) = answer?;
    let text = match &token {
        Some(token) => format!(
            "Merchant {} ({}, {}).\nIts API token, shown this once:\n{token}\n\nNext: farebox key create --role seller --merchant '{0}'",
            args.merchant, merchant.id, merchant.mode
        ),
        None => format!(
            "Merchant {} ({}, {}) exists already. Its API token was shown once; \
             make another: farebox token create --merchant '{0}'",
            args.merchant, merchant.id, merchant.mode
        ),
    };
    let object = json!({
        "merchant_id": merchant.id.to_string(),
        "merchant": merchant.name,
        "api_token": token,
        "mode": merchant.mode.as_str(),
        "created": token.is_some(),
    });
    output.answer(text, &object);
    Ok(ExitCode::SUCCESS)
}

/// The merchant of that name, and, if it was made just now, its token's text.
async fn create(store: &dyn Store, keyring: &Keyring, args: &InitArgs) -> anyhow::Result<(Merchant, Option<String>)> {
    if let Some(merchant) = store.merchant_named(&args.merchant).await? {
        return existing(merchant, args.mode);
    }
    let at = SystemClock.now();
    let merchant = Merchant { id: Id::generate(), name: args.merchant.clone(), mode: args.mode, created_at: at };
    let (token, row) = new_api_token(keyring, merchant.id, args.mode, &TokenTerms::all("init"), at)?;
    let record = Record {
        tenant: merchant.id,
        operation: OperationKey { scope: "merchant.init".into(), key: merchant.id.to_string() },
        request_hash: [0; 32],
        changes: vec![Change::Merchant(merchant.clone()), Change::ApiToken(row)],
        answer: "{}".into(),
        actor: Actor::new("operator"),
        at,
    };
    match store.record(record).await? {
        Recorded::Fresh => Ok((merchant, Some(token.expose().to_owned()))),
        // Somebody else was quicker with the same name.
        Recorded::Taken | Recorded::Replayed(_) | Recorded::Conflict => {
            let found = store.merchant_named(&args.merchant).await?;
            let found = found.ok_or_else(|| failure("the merchant could not be created", "try again"))?;
            existing(found, args.mode)
        }
    }
}

fn existing(merchant: Merchant, mode: Mode) -> anyhow::Result<(Merchant, Option<String>)> {
    if merchant.mode == mode {
        return Ok((merchant, None));
    }
    Err(failure(
        format!("merchant `{}` exists in {} mode", merchant.name, merchant.mode),
        format!("give another --merchant name for {mode} mode: test and live are separate merchants"),
    ))
}
