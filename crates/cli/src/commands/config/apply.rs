//! `farebox config apply`: makes the server sell what the file says.
//!
//! Each write says what is to be, not what is to change: an apply that was interrupted is finished by the next one, and
//! writes again only what it had not written.

use std::{
    io::{IsTerminal, stdin},
    process::ExitCode,
};

use farebox_client::Error;
use serde_json::json;

use super::{
    diff::{self, Action, Change, Plan, Sort},
    plan::{Compared, compare, things},
    remote::PutError,
};
use crate::{args::ApplyArgs, commands::connect, failure::failure, output::Output};

pub(super) async fn run(args: &ApplyArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let compared = compare(&args.compared, output).await?;
    let (file, url) = (compared.file.path.display().to_string(), compared.connection.url.clone());
    if compared.plan.is_empty() {
        let object = with_applied(&compared.plan, &file, &url, 0);
        let text = format!("{}\n\nNothing to do.", compared.plan.text(&file, &url));
        keep(compared).await?;
        output.answer(text, &object);
        return Ok(ExitCode::SUCCESS);
    }
    output.line(compared.plan.text(&file, &url));
    agreed(&compared.plan, args)?;
    let progress = output.progress("applying");
    // Products and metrics first: what follows names them.
    compared.remote.name_what_is_named(&compared.wanted).await?;
    for change in &compared.plan.changes {
        write(&compared, change).await?;
    }
    drop(progress);
    let done = compared.plan.changes.len();
    let object = with_applied(&compared.plan, &file, &url, done);
    keep(compared).await?;
    output.answer(format!("Applied: {done} written, and the server says what the file says."), &object);
    Ok(ExitCode::SUCCESS)
}

fn with_applied(plan: &Plan, file: &str, url: &str, done: usize) -> serde_json::Value {
    let mut object = plan.object(file, url);
    object["applied"] = json!(done);
    object
}

/// Nothing is written that nobody has agreed to.
fn agreed(plan: &Plan, args: &ApplyArgs) -> anyhow::Result<()> {
    if !plan.drift.is_empty() && !args.overwrite {
        let names: Vec<String> = plan.drift.iter().map(|one| format!("{} {}", one.sort.word(), one.code)).collect();
        return Err(failure(
            format!("changed on the server since the last apply: {}", names.join(", ")),
            "take it into the file (`farebox config pull` shows it), or apply with --overwrite",
        ));
    }
    if args.yes {
        return Ok(());
    }
    if !stdin().is_terminal() {
        return Err(failure(
            "nobody is there to agree to these changes",
            "look at them with `farebox config plan`, then apply with --yes",
        ));
    }
    connect::ask("Apply? [y/N] ")?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(failure("nothing was applied", "answer y to apply")),
    }
}

async fn write(compared: &Compared, change: &Change) -> anyhow::Result<()> {
    let Compared { wanted, remote, .. } = compared;
    let code = &change.code;
    let written = match (change.action, change.sort) {
        (Action::Archive, sort) => remote.archive(sort, code).await,
        (_, Sort::Metric) => match wanted.billable_metrics.iter().find(|metric| metric.code == *code) {
            Some(metric) => remote.put_metric(metric).await,
            None => Ok(()),
        },
        (_, Sort::Feature) => match wanted.features.iter().find(|feature| feature.code == *code) {
            Some(feature) => remote.put_feature(feature).await,
            None => Ok(()),
        },
        (_, Sort::Plan) => match wanted.plans.iter().find(|plan| plan.code == *code) {
            Some(plan) => remote.put_plan(plan).await,
            None => Ok(()),
        },
    };
    written.map_err(|error| refused(compared, change, error))
}

/// What the server refused stands in the file: its line is said.
fn refused(compared: &Compared, change: &Change, error: PutError) -> anyhow::Error {
    const AGAIN: &str = "mend it and apply again: what was written before it stays, and is not written twice";
    let error = match error {
        PutError::Call(error) => error,
        PutError::Key(error) => return error.into(),
    };
    let Error::Refused(answer) = &error else { return connect::explain(error) };
    let (file, config) = (&compared.file, &compared.file.config);
    let (list, index) = match change.sort {
        Sort::Metric => ("billableMetrics", config.billable_metrics.iter().position(|one| one.code == change.code)),
        Sort::Feature => ("features", config.features.iter().position(|one| one.code == change.code)),
        Sort::Plan => ("plans", config.plans.iter().position(|one| one.code == change.code)),
    };
    let index = index.unwrap_or_default();
    let lines = answer.problem.errors.iter();
    let lines: Vec<String> =
        lines.map(|fault| file.place(&format!("/{list}/{index}{}", fault.pointer), &fault.detail)).collect();
    if lines.is_empty() {
        return failure(file.place(&format!("/{list}/{index}"), &answer.to_string()), AGAIN);
    }
    failure(lines.join("\n       "), AGAIN)
}

/// Reads the server once more, and keeps what it has now: the next plan's drift is counted from here.
async fn keep(compared: Compared) -> anyhow::Result<()> {
    let present = compared.remote.read().await?;
    let left = diff::plan(&things(&compared.wanted)?, &things(&present)?, None, false);
    if !left.is_empty() {
        return Err(failure("somebody else changed the server meanwhile", "plan and apply again"));
    }
    compared.applied.keep(&compared.connection.name, present)
}
