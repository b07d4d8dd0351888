//! `farebox logout`: the token is taken back at the server, then forgotten here.

use std::process::ExitCode;

use farebox_client::{Client, Error};
use farebox_server::claimed_api_token;
use farebox_types::Secret;
use serde_json::json;

use super::{connect, credentials::Credentials};
use crate::{args::LogoutArgs, failure::failure, output::Output};

pub(crate) async fn run(args: &LogoutArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let mut credentials = Credentials::read(args.connect.credentials.as_deref())?;
    let url = connect::url(&args.connect, &credentials);
    let token = credentials.token(&url);
    let token = token.ok_or_else(|| failure(format!("there is no login for {url}"), "say which with --url"))?;
    let revoked = revoke(&url, &token).await;
    // Whatever the server said: it is not used from here any more.
    credentials.forget(&url)?;
    let text = match &revoked {
        Ok(()) => format!("Logged out of {url}; its token is taken back."),
        Err(error) => format!(
            "Logged out of {url} here, but its token may still be valid ({error}): take it back there with `farebox token revoke`."
        ),
    };
    output.answer(text, &json!({"url": url, "revoked": revoked.is_ok()}));
    Ok(ExitCode::SUCCESS)
}

/// A token that is none any more is as good as taken back.
async fn revoke(url: &str, token: &Secret) -> anyhow::Result<()> {
    let id = claimed_api_token(token.expose()).map(|id| id.id);
    let id = id.ok_or_else(|| anyhow::anyhow!("it is not a token as this version knows them"))?;
    let client = Client::builder(Secret::new(token.expose().to_owned())).base_url(url).build()?;
    match client.api_tokens().revoke(id.uuid()).await {
        Ok(()) | Err(Error::Authentication(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
