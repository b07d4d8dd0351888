//! `farebox config pull`: what the server sells, as a file whose plan is empty.

use std::{path::Path, process::ExitCode};

use serde_json::json;

use super::{
    applied::{Applied, replace},
    file, minimal, read,
    remote::Remote,
    write,
};
use crate::{args::PullArgs, commands::connect, failure::failure, output::Output};

pub(super) async fn run(args: &PullArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let to_output = args.file.as_path() == Path::new("-");
    let format = if to_output { read::Format::Toml } else { file::format(&args.file)? };
    if !to_output && !args.force && args.file.exists() {
        let help = "give another name, `-` to print it, or --force to replace it";
        return Err(failure(format!("{} is there already", args.file.display()), help));
    }
    let connection = connect::open(&args.connect)?;
    let progress = output.progress("reading what the server sells");
    let present = Remote::new(connection.client.clone()).read().await?;
    drop(progress);
    let text = write::text(&minimal::said(&present), format)
        .ok_or_else(|| anyhow::anyhow!("the configuration cannot be written"))?;
    if to_output {
        output.raw(&text);
        return Ok(ExitCode::SUCCESS);
    }
    let (features, plans) = (present.features.len(), present.plans.len());
    let applied = Applied::read(&args.file)?;
    replace(&args.file, &text)?;
    applied.keep(&connection.name, present)?;
    let file = args.file.display().to_string();
    let text = format!("{file}: {features} features and {plans} plans of {}", connection.url);
    let object = json!({"file": file, "url": connection.url, "features": features, "plans": plans});
    output.answer(text, &object);
    Ok(ExitCode::SUCCESS)
}
