//! `farebox login`: a token by the device flow (RFC 8628).

use std::process::ExitCode;

use farebox_client::{Client, DeviceError, api::DeviceAuthorization};
use serde_json::json;

use super::{connect, credentials::Credentials};
use crate::{args::LoginArgs, failure::failure, output::Output};

/// What whoever approves is shown.
const NAME: &str = "farebox command line";

pub(crate) async fn run(args: &LoginArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let mut credentials = Credentials::read(args.connect.credentials.as_deref())?;
    let url = connect::url(&args.connect, &credentials);
    let client = Client::public(&url).build();
    let client = client.map_err(|error| failure(format!("{url}: {error}"), "check --url"))?;
    let flow = client.device_flow(NAME);
    let device = flow.begin().scope(&args.scope).await.map_err(connect::explain)?;
    show(&device, output);
    let progress = output.progress("waiting for somebody to let this in");
    let token = flow.wait(&device).await.map_err(why)?;
    drop(progress);
    credentials.keep(&url, &token)?;
    let path = credentials.path().display().to_string();
    output.answer(
        format!("Logged in at {url}; the token is kept in {path}."),
        &json!({"url": url, "credentials": path, "scope": args.scope}),
    );
    Ok(ExitCode::SUCCESS)
}

/// On standard error: what the command was asked for comes at the end.
fn show(device: &DeviceAuthorization, output: &Output) {
    let DeviceAuthorization { verification_uri, verification_uri_complete, user_code, expires_in, .. } = device;
    if output.is_json() {
        let object = json!({
            "verification_uri": verification_uri,
            "verification_uri_complete": verification_uri_complete,
            "user_code": user_code,
            "expires_in": expires_in,
        });
        return output.aside(&object.to_string());
    }
    output.aside(&format!(
        "Open {verification_uri_complete}\nand let in the device that shows {user_code}. It waits {expires_in} s."
    ));
}

fn why(error: DeviceError) -> anyhow::Error {
    match error {
        DeviceError::AccessDenied => failure("somebody turned this login away", "ask them, then log in again"),
        DeviceError::ExpiredToken => failure("nobody let this login in in time", "run `farebox login` again"),
        DeviceError::InvalidGrant => {
            failure("the server does not know this login any more", "run `farebox login` again")
        }
        DeviceError::Call(error) => connect::explain(error),
        other => failure(other.to_string(), "run `farebox login` again"),
    }
}
