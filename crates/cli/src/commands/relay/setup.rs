//! From flags and environment to a relay.

use std::{fs, path::Path};

use farebox_client::Client;
use farebox_relay::{BadRelay, Csrf, Relay, RelayBuilder};
use farebox_types::Secret;

use super::{headers::ByHeaders, jwt::ByToken};
use crate::{
    args::{IdentityArg, JwtArgs, RelayArgs},
    failure::failure,
};

const TOKEN: &str = "PAYLERA_API_TOKEN";
const SECRET: &str = "PAYLERA_RELAY_SECRET";
const PREVIOUS: &str = "PAYLERA_RELAY_SECRET_PREVIOUS";
const JWT_SECRET: &str = "PAYLERA_JWT_SECRET";

pub(super) fn relay(args: &RelayArgs) -> anyhow::Result<Relay> {
    let token = secret(TOKEN)?.ok_or_else(|| {
        failure(format!("there is no {TOKEN}"), "set it to a token of the billing API: pl_test_… or pl_live_…")
    })?;
    let mut builder = identified(Relay::builder(client(args, token)?), args)?;
    builder = builder.auto_create_customer(args.auto_create).csrf(csrf(args)?);
    builder = args.allow_origins.iter().fold(builder, RelayBuilder::allow_origin);
    if !args.track_only.is_empty() {
        builder = builder.track_only(&args.track_only);
    }
    if let Some(lasts) = args.check_cache {
        builder = builder.check_cache(lasts);
    }
    if args.production {
        builder = builder.production(true);
    }
    builder.build().map_err(|bad| {
        let help = match bad {
            BadRelay::Origin(_) => "check --allow-origin",
            BadRelay::Csrf(_) => "all instances share one secret: PAYLERA_RELAY_SECRET=$(openssl rand -base64 32)",
            _ => "see farebox relay --help",
        };
        failure(bad.to_string(), help)
    })
}

fn client(args: &RelayArgs, token: Secret) -> anyhow::Result<Client> {
    let mut builder = Client::builder(token);
    if let Some(url) = &args.upstream_url {
        builder = builder.base_url(url);
    }
    builder.build().map_err(|bad| failure(bad.to_string(), "check --upstream-url and PAYLERA_API_TOKEN"))
}

fn csrf(args: &RelayArgs) -> anyhow::Result<Csrf> {
    let mut csrf = secret(SECRET)?.map_or_else(Csrf::of_this_process, Csrf::signed).cookie_path(&args.prefix);
    if let Some(previous) = secret(PREVIOUS)? {
        csrf = csrf.previous(previous);
    }
    Ok(csrf)
}

fn identified(builder: RelayBuilder, args: &RelayArgs) -> anyhow::Result<RelayBuilder> {
    match args.identity {
        IdentityArg::Headers => Ok(builder.identify_with(ByHeaders { trusted: args.trusted_proxies.clone() })),
        IdentityArg::Jwt => Ok(builder.identify_with(by_token(&args.jwt)?)),
    }
}

fn by_token(args: &JwtArgs) -> anyhow::Result<ByToken> {
    if let Some(file) = &args.jwks_file {
        return ByToken::with_keys(&read(file, "--jwks-file")?, args);
    }
    let secret = match &args.jwt_secret_file {
        Some(file) => Some(Secret::new(read(file, "--jwt-secret-file")?.trim_end().to_owned())),
        None => secret(JWT_SECRET)?,
    };
    let help = format!("name a file with --jwt-secret-file or --jwks-file, or set {JWT_SECRET}");
    let secret = secret.ok_or_else(|| failure("nothing to check session tokens with", help))?;
    ByToken::with_secret(&secret, args)
}

/// Who is believed, in a line.
pub(super) fn describe(args: &RelayArgs) -> &'static str {
    match args.identity {
        IdentityArg::Headers if args.trusted_proxies.is_empty() => "identity: headers, believed from loopback only",
        IdentityArg::Headers => "identity: headers, believed from the trusted proxies only",
        IdentityArg::Jwt if args.jwt.jwks_file.is_some() => "identity: session tokens, checked with public keys",
        IdentityArg::Jwt => "identity: session tokens, checked with a secret",
    }
}

fn read(file: &Path, flag: &str) -> anyhow::Result<String> {
    fs::read_to_string(file)
        .map_err(|error| failure(format!("{} cannot be read: {error}", file.display()), format!("check {flag}")))
}

/// A secret of the environment; an empty one is none.
#[expect(clippy::disallowed_methods, reason = "secrets come from the environment, never from the command line")]
fn secret(name: &str) -> anyhow::Result<Option<Secret>> {
    match std::env::var(name) {
        Ok(value) if value.trim().is_empty() => Ok(None),
        Ok(value) => Ok(Some(Secret::new(value))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(failure(format!("{name} is no text"), "write it in UTF-8")),
    }
}
