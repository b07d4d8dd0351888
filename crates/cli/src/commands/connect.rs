//! Which billing server a command speaks with, and as whom.

use std::io::{Write, stderr};

use farebox_client::{Client, Error};
use farebox_server::claimed_api_token;
use farebox_types::Secret;

use super::credentials::Credentials;
use crate::{args::ConnectArgs, failure::failure};

const DEFAULT_URL: &str = "http://127.0.0.1:3001";
const TOKEN: &str = "FAREBOX_TOKEN";

/// A server, and a client with a token for it.
pub(crate) struct Connection {
    pub(crate) url: String,
    /// Merchant and address: what is kept of one is not mistaken for another's.
    pub(crate) name: String,
    pub(crate) client: Client,
}

/// The server's address: the flag's, else that of the last login, else the one `farebox serve` has.
pub(crate) fn url(args: &ConnectArgs, credentials: &Credentials) -> String {
    let url = args.url.as_deref().or(credentials.current()).unwrap_or(DEFAULT_URL);
    url.trim_end_matches('/').to_owned()
}

/// With the token of FAREBOX_TOKEN, else that of the login there.
pub(crate) fn open(args: &ConnectArgs) -> anyhow::Result<Connection> {
    let credentials = Credentials::read(args.credentials.as_deref())?;
    let url = url(args, &credentials);
    let token = variable(TOKEN).map(Secret::new).or_else(|| credentials.token(&url));
    let token = token.ok_or_else(|| {
        let help = format!("run `farebox login --url {url}`, or set {TOKEN} to a token with the scope billing:admin");
        failure(format!("there is no token for {url}"), help)
    })?;
    let merchant = claimed_api_token(token.expose()).map(|id| id.tenant.to_string());
    let name = format!("{} at {url}", merchant.as_deref().unwrap_or("merchant"));
    let built = Client::builder(token).base_url(&url).build();
    let client = built.map_err(|error| failure(format!("{url}: {error}"), "check --url and the token"))?;
    Ok(Connection { url, name, client })
}

/// A call's error with what to do about it.
#[expect(clippy::needless_pass_by_value, reason = "what map_err wants")]
pub(crate) fn explain(error: Error) -> anyhow::Error {
    let help = match &error {
        Error::Authentication(_) => "the token is not valid any more: `farebox login`, or another FAREBOX_TOKEN",
        Error::Authorization(_) => "use a token with the scopes billing:read and billing:admin",
        Error::NotFound(_) => "check --url: this should be a billing server, as `farebox serve` is one",
        Error::Timeout | Error::Transport(_) => "check --url, and whether the server runs",
        _ => "try again; if it stays, the server's log says more",
    };
    failure(error.to_string(), help)
}

/// A question, where the answer's reader sees it.
pub(crate) fn ask(question: &str) -> std::io::Result<()> {
    let mut out = stderr().lock();
    out.write_all(question.as_bytes())?;
    out.flush()
}

pub(super) fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a token, and the user's own folder: no flag may hold the first")]
    let value = std::env::var(name);
    value.ok().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
