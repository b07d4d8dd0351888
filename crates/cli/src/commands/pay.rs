//! `farebox pay`.

use std::{fs, process::ExitCode};

use farebox_payer::{Paid, PayError, Payer, RequestBuilder};
use farebox_types::Secret;
use serde_json::{Value, json};

use crate::{args::PayArgs, failure::failure, output::Output};

pub(crate) async fn run(args: PayArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let key = buyer_key(&args)?;
    let payer = Payer::builder().credits(&args.backend, key).build();
    let payer = payer.map_err(|error| failure(format!("{error}"), "check --backend and the API key"))?;
    let request = request(&payer, &args)?;
    let progress = output.progress("paying");
    let paid = request.send().await.map_err(|error| explain(&error, &args))?;
    drop(progress);
    show(&paid, output)?;
    Ok(if paid.status().is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn request<'a>(payer: &'a Payer, args: &PayArgs) -> anyhow::Result<RequestBuilder<'a>> {
    let method = args.method.as_deref().unwrap_or(if args.data.is_some() { "POST" } else { "GET" });
    let method = method.parse().map_err(|_| failure(format!("`{method}` is not a method"), "for example GET"))?;
    let mut request = payer.request(method, &args.url);
    for header in &args.headers {
        let pair = header.split_once(':');
        let (name, value) =
            pair.ok_or_else(|| failure(format!("`{header}` is not a header"), "write it as --header 'Name: value'"))?;
        request = request.header(name.trim(), value.trim());
    }
    Ok(match &args.data {
        Some(data) => request.body(data.clone()),
        None => request,
    })
}

/// The body, as it is, is what was asked for; the receipt stands beside it.
fn show(paid: &Paid, output: &Output) -> anyhow::Result<()> {
    let status = paid.status().as_u16();
    let body = String::from_utf8_lossy(paid.body());
    if output.is_json() {
        let receipt = paid.receipt().map(serde_json::to_value).transpose()?.unwrap_or(Value::Null);
        output.answer("", &json!({"status": status, "receipt": receipt, "body": body}));
        return Ok(());
    }
    output.raw(&body);
    if !body.is_empty() && !body.ends_with('\n') {
        output.raw("\n");
    }
    let receipt = paid.receipt().map(|receipt| {
        let redeemed = receipt.credits_redeemed.as_deref().unwrap_or("0");
        let left = receipt.remaining_balance.as_deref().unwrap_or("?");
        match paid.is_pending() {
            true => "the payment is pending".to_owned(),
            false => format!("paid {redeemed} credits, {left} left, receipt {}", receipt.transaction),
        }
    });
    output.aside(&format!("{status}, {}", receipt.unwrap_or_else(|| "nothing paid".to_owned())));
    Ok(())
}

/// Names what failed, and says what to do.
fn explain(error: &PayError, args: &PayArgs) -> anyhow::Error {
    let (what, help) = match error {
        PayError::Transport { source, .. } => {
            let cause = std::iter::successors(Some(source as &dyn std::error::Error), |error| error.source()).last();
            let cause = cause.map(ToString::to_string).unwrap_or_default();
            let what = format!("{error}: {cause} (asked {}, backend {})", args.url, args.backend);
            (what, "is the API running, and `farebox serve`? check the URL and --backend")
        }
        PayError::Backend { .. } => {
            let what = format!("{error} (backend {})", args.backend);
            (what, "check the API key and --backend; `farebox key create --role buyer` makes a key")
        }
        PayError::Refused { .. } => {
            (error.to_string(), "not enough credits? order the plan, or ask the seller for some")
        }
        PayError::OutcomeUnknown { .. } => {
            (error.to_string(), "look at your balance before you try again: a new request makes a new payment")
        }
        PayError::NothingPayable { .. } | PayError::BadOffer(_) => {
            (error.to_string(), "this seller does not take credits of the backend you named")
        }
        _ => (error.to_string(), "see `farebox pay --help`"),
    };
    failure(what, help)
}

fn buyer_key(args: &PayArgs) -> anyhow::Result<Secret> {
    if let Some(file) = &args.key_file {
        let text = fs::read_to_string(file)
            .map_err(|error| failure(format!("{} cannot be read: {error}", file.display()), "check --key-file"))?;
        return Ok(Secret::new(text.trim().to_owned()));
    }
    #[expect(clippy::disallowed_methods, reason = "a secret: read here and nowhere else")]
    let key = std::env::var("FAREBOX_API_KEY");
    let help = "set FAREBOX_API_KEY, or name a file that holds it with --key-file; `farebox key create --role buyer` makes one";
    let key = key.map_err(|_| failure("there is no API key to pay with", help))?;
    Ok(Secret::new(key.trim().to_owned()))
}
