//! `farebox webhooks`.

use std::{io::Read, process::ExitCode, time::Duration};

use farebox_server::{Keyring, NewSecret, inbound_secrets, new_inbound_secret, replace_inbound_secret};
use farebox_store::Store;
use farebox_types::{Clock, Secret, SystemClock};
use serde_json::json;

use crate::{
    args::{ProviderArg, WebhooksArgs, WebhooksCommand},
    config::Config,
    database::{self, Missing},
    failure::failure,
    output::Output,
};

/// Longer ones are no secrets.
const MAX_SECRET: u64 = 1_024;

/// Where the secret comes from.
enum Source {
    /// The one there is, or a fresh one.
    Kept,
    Fresh,
    Given(Secret),
}

pub(crate) async fn run(config: &Config, args: &WebhooksArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let WebhooksCommand::Secret { provider, rotate, stdin, grace } = &args.command;
    if *provider == ProviderArg::Toss {
        let help = "nothing is to be set up: each event is looked up at Toss Payments before it counts";
        return Err(failure("Toss Payments does not sign its webhooks", help));
    }
    let source = match (rotate, stdin) {
        (_, true) => Source::Given(given()?),
        (true, _) => Source::Fresh,
        _ => Source::Kept,
    };
    let (store, keyring) = database::open_current(config, Missing::Refuse).await?;
    let done = secret(&*store, &keyring, args.merchant.as_deref(), (*provider, source, *grace)).await;
    store.close().await;
    let (secret, is_new) = done?;
    let object = json!({"provider": provider.as_str(), "secret": secret.expose(), "new": is_new});
    output.answer(secret.expose(), &object);
    Ok(ExitCode::SUCCESS)
}

async fn secret(
    store: &dyn Store,
    keyring: &Keyring,
    merchant: Option<&str>,
    (provider, source, grace): (ProviderArg, Source, Duration),
) -> anyhow::Result<(Secret, bool)> {
    let (tenant, provider) = (database::merchant(store, merchant).await?.id, provider.as_str());
    let now = SystemClock.now();
    let secret = match source {
        Source::Given(secret) => secret,
        Source::Fresh => new_inbound_secret()?,
        Source::Kept => {
            let kept = inbound_secrets(store, keyring, tenant, provider, now).await?.into_iter().next();
            match kept {
                Some(secret) => return Ok((secret, false)),
                None => new_inbound_secret()?,
            }
        }
    };
    let new = NewSecret { tenant, provider, secret: &secret, others_until: now.after(grace) };
    replace_inbound_secret(store, keyring, &new, now).await?;
    Ok((secret, true))
}

fn given() -> anyhow::Result<Secret> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MAX_SECRET).read_to_string(&mut text);
    let secret = text.trim();
    let good = secret.len() >= 16 && secret.bytes().all(|b| b.is_ascii_graphic());
    match read {
        Ok(_) if good => Ok(Secret::new(secret.to_owned())),
        _ => Err(failure(
            "standard input holds no webhook secret",
            "pipe in what the provider shows, for example whsec_… of Stripe's dashboard",
        )),
    }
}
