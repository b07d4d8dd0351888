//! `farebox pay`.

use std::{fs, process::ExitCode};

use farebox_payer::Payer;
use farebox_types::Secret;
use serde_json::{Value, json};

use crate::{args::PayArgs, failure::failure, output::Output};

pub(crate) async fn run(args: PayArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let key = buyer_key(&args)?;
    let payer = Payer::builder().credits(&args.backend, key).build()?;
    let method =
        args.method.parse().map_err(|_| failure(format!("`{}` is not a method", args.method), "for example GET"))?;
    let mut request = payer.request(method, &args.url);
    for header in &args.headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| failure(format!("`{header}` is not a header"), "write it as --header 'Name: value'"))?;
        request = request.header(name.trim(), value.trim());
    }
    if let Some(data) = args.data {
        request = request.body(data);
    }
    let progress = output.progress("paying");
    let paid = request.send().await?;
    drop(progress);
    let receipt = paid.receipt().map(serde_json::to_value).transpose()?.unwrap_or(Value::Null);
    let status = paid.status().as_u16();
    let body = String::from_utf8_lossy(paid.body()).into_owned();
    let text = if receipt.is_null() {
        format!("{body}\n\n{status}, not paid")
    } else {
        format!("{body}\n\n{status}, receipt {receipt}")
    };
    output.answer(text, &json!({"status": status, "receipt": receipt, "body": body}));
    Ok(if (200..300).contains(&status) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn buyer_key(args: &PayArgs) -> anyhow::Result<Secret> {
    let missing = || {
        failure(
            "there is no API key to pay with",
            "set FAREBOX_API_KEY, or name a file that holds it with --key-file; `farebox key create --role buyer` makes one",
        )
    };
    if let Some(file) = &args.key_file {
        let text = fs::read_to_string(file)
            .map_err(|error| failure(format!("{} cannot be read: {error}", file.display()), "check --key-file"))?;
        return Ok(Secret::new(text.trim().to_owned()));
    }
    #[expect(clippy::disallowed_methods, reason = "a secret: read here and nowhere else")]
    let key = std::env::var("FAREBOX_API_KEY").map_err(|_| missing())?;
    Ok(Secret::new(key))
}
