//! `farebox pay`.

mod setup;
mod show;

use std::process::ExitCode;

use farebox_payer::{PayError, Payer, RequestBuilder};

use crate::{args::PayArgs, failure::failure, output::Output};

pub(crate) async fn run(args: PayArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let payer = setup::payer(&args).await?;
    if args.resume {
        return resume(&payer, output).await;
    }
    let url = args.url.as_deref().unwrap_or_default();
    let request = request(&payer, url, &args)?;
    if args.dry_run {
        let progress = output.progress("asking");
        let preview = Box::pin(request.preview()).await.map_err(|error| explain(&error, url, &args))?;
        drop(progress);
        show::preview(&preview, output);
        return Ok(ExitCode::SUCCESS);
    }
    let progress = output.progress("paying");
    let paid = Box::pin(request.send()).await.map_err(|error| explain(&error, url, &args))?;
    drop(progress);
    show::paid(&paid, output)?;
    Ok(if paid.status().is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Shows every payment whose outcome is not known to its seller again.
async fn resume(payer: &Payer, output: &Output) -> anyhow::Result<ExitCode> {
    let progress = output.progress("asking again");
    let resumed = Box::pin(payer.resume_all()).await;
    drop(progress);
    let known = |outcome: &Result<_, PayError>| !matches!(outcome, Err(PayError::OutcomeUnknown { .. }));
    show::resumed(&resumed, output)?;
    let all_known = resumed.iter().all(|one| known(&one.outcome));
    Ok(if all_known { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn request<'a>(payer: &'a Payer, url: &str, args: &PayArgs) -> anyhow::Result<RequestBuilder<'a>> {
    let method = args.method.as_deref().unwrap_or(if args.data.is_some() { "POST" } else { "GET" });
    let method = method.parse().map_err(|_| failure(format!("`{method}` is not a method"), "for example GET"))?;
    let mut request = payer.request(method, url);
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

/// Names what failed, and says what to do.
fn explain(error: &PayError, url: &str, args: &PayArgs) -> anyhow::Error {
    let (what, help) = match error {
        PayError::Transport { source, .. } => {
            let cause = std::iter::successors(Some(source as &dyn std::error::Error), |error| error.source()).last();
            let cause = cause.map(ToString::to_string).unwrap_or_default();
            let what = format!("{error}: {cause} (asked {url}, backend {})", args.backend);
            (what, "is the API running, and `farebox serve`? check the URL and --backend")
        }
        PayError::Backend { .. } => {
            let what = format!("{error} (backend {})", args.backend);
            (what, "check the API key and --backend; `farebox key create --role buyer` makes a key")
        }
        PayError::Refused { code, .. } if code == "permit2_allowance_required" => {
            let help = "let Permit2 take the token (approve), or name a node with --rpc-url so that an allowance is signed along where the seller offers that; the authorization that was refused is shown again until it expires";
            (error.to_string(), help)
        }
        PayError::Refused { offer, .. } if on_chain(offer.as_deref()) => {
            let help = "enough of the token in the wallet? the same authorization is shown again when you repeat the request; another is signed only after it expired";
            (error.to_string(), help)
        }
        PayError::Refused { .. } => {
            (error.to_string(), "not enough credits? order the plan, or ask the seller for some")
        }
        PayError::OutcomeUnknown { authorization, .. } if authorization.fare().is_some() => {
            let help = "repeat the request: the same authorization is shown again, so it is paid for once at most; `farebox pay --resume` does so for all";
            (error.to_string(), help)
        }
        PayError::OutcomeUnknown { .. } => {
            (error.to_string(), "look at your balance before you try again: a new request makes a new payment")
        }
        PayError::NothingPayable { .. } => {
            let help = "limits: --max, --max-per-day, --network, --payee; a wallet pays on chains (--wallet-key-file), an API key in credits (--key-file)";
            (error.to_string(), help)
        }
        PayError::BadOffer(_) => (error.to_string(), "this seller does not speak x402 or t402 as it is specified"),
        PayError::Rpc { .. } => (error.to_string(), "check --rpc-url"),
        PayError::Journal(_) => (error.to_string(), "check the file given by --journal, and the space on its disk"),
        _ => (error.to_string(), "see `farebox pay --help`"),
    };
    failure(what, help)
}

fn on_chain(offer: Option<&farebox_payer::PaymentRequired>) -> bool {
    offer.is_some_and(|offer| offer.accepts.iter().any(|accept| accept.chain().is_some()))
}
