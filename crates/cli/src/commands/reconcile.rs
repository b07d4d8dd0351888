//! `farebox reconcile`: the provider's payments against ours.

use std::{process::ExitCode, sync::Arc};

use farebox_server::{Backend, payments::reconcile};
use farebox_types::{Clock, SystemClock, Timestamp};
use serde_json::json;

use super::payments::Service;
use crate::{
    args::ReconcileArgs,
    config::Config,
    database::{self, Missing},
    failure::failure,
    output::Output,
};

pub(crate) async fn run(config: &Config, args: &ReconcileArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let (store, keyring) = database::open_current(config, Missing::Refuse).await?;
    let backend = Backend::new(Arc::clone(&store), Arc::new(SystemClock), keyring);
    let service = Service::open(config, &args.payments, &backend, "", true).await?;
    let service = service.ok_or_else(|| failure("there is no merchant", "run `farebox init`"))?;
    let seconds = i64::try_from(args.since.as_secs()).unwrap_or(i64::MAX);
    let since = Timestamp::from_seconds(SystemClock.now().seconds().saturating_sub(seconds).max(0));
    let found = reconcile(&service.payments, service.payments.merchant(), since).await?;
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    let text = match lines.as_slice() {
        [] => "the provider and we agree".to_owned(),
        lines => format!("{} differences\n{}", lines.len(), lines.join("\n")),
    };
    output.answer(text, &json!({"differences": lines}));
    store.close().await;
    Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
