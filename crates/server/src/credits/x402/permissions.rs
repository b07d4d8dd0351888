//! `POST /api/v1/x402/permissions`: mints an access token for the caller's own account.

use std::time::Duration;

use axum::{Json, extract::State};
use farebox_store::Plan;
use farebox_telemetry::server::PERMISSION;
use farebox_types::{Delegation as DelegationKind, Id, PublicId, Quantity};
use farebox_x402::{
    AccessToken, Authorization, CreditsAccept, CreditsExtra, Resource, TokenPayload, VERSION,
    credits::{PermissionAnswer, PermissionRequest, SCHEME},
    header,
};
use serde_json::Value;
use uuid::Uuid;

use super::present::end_of;
use crate::{
    backend::Backend,
    credits::{
        agents,
        delegations::{self, DelegationRequest},
    },
    http::{Body, Problem},
    keys::{Caller, Permission},
    refusal::{Failure, Refusal, impossible},
};

/// How long a token lives, unless its delegation ends sooner.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const ISSUER: &str = "farebox";
const MAX_URL: usize = 4096;
const MAX_LABEL: usize = 64;

/// Version 2 tokens are reusable; version 3 tokens are bound to agent, URL and verb, and pay once. No token is stored; a delegation that the request
/// describes is.
#[tracing::instrument(name = PERMISSION, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn permissions(
    State(backend): State<Backend>,
    caller: Caller,
    Body { value, .. }: Body<PermissionRequest>,
) -> Result<Json<PermissionAnswer>, Problem> {
    let binding = Binding::read(&value)?;
    let plan = backend.own_plan(&caller, &value.accepted.plan_id).await?;
    check_agent(&backend, &caller, value.accepted.extra.agent_id.as_deref()).await?;
    let permission = permit(&backend, &caller, &plan, value.delegation_config.as_ref()).await?;
    let token = mint(&backend, &caller, &value.accepted, &permission, binding)?;
    Ok(Json(PermissionAnswer { access_token: header::encode_token(&token) }))
}

/// What a version 3 token is bound to.
struct Binding {
    url: String,
    verb: String,
}

impl Binding {
    /// Reads the binding of a version 3 request; a version 2 token has none, whatever else the request says.
    fn read(request: &PermissionRequest) -> Result<Option<Self>, Refusal> {
        if request.accepted.scheme != SCHEME {
            return Err(Refusal::Unsupported { what: "a scheme other than nvm:erc4337" });
        }
        if request.accepted.network.len() > MAX_LABEL {
            return Err(Refusal::field("accepted.network", "at most 64 bytes"));
        }
        match request.token_version {
            None | Some(2) => return Ok(None),
            Some(3) => {}
            Some(_) => return Err(Refusal::field("tokenVersion", "2 or 3")),
        }
        let url = request.resource.as_ref().map(|resource| resource.url.as_str()).unwrap_or_default();
        let verb = request.accepted.extra.http_verb.as_deref().unwrap_or_default().trim();
        if url.trim().is_empty() || verb.is_empty() {
            return Err(Refusal::Unbound);
        }
        if url.len() > MAX_URL {
            return Err(Refusal::field("resource.url", "at most 4096 bytes"));
        }
        if verb.len() > MAX_LABEL {
            return Err(Refusal::field("accepted.extra.httpVerb", "at most 64 bytes"));
        }
        Ok(Some(Self { url: url.to_owned(), verb: verb.to_ascii_uppercase() }))
    }
}

async fn check_agent(backend: &Backend, caller: &Caller, id: Option<&str>) -> Result<(), Failure> {
    let Some(id) = id else { return Ok(()) };
    let id = agents::parse(id)?;
    if id.tenant != caller.tenant {
        return Err(Refusal::NoAgent.into());
    }
    backend.agent(id).await?.map(drop).ok_or_else(|| Refusal::NoAgent.into())
}

/// The permission of a new token, under the delegation that the request names or describes.
async fn permit(
    backend: &Backend,
    caller: &Caller,
    plan: &Plan,
    config: Option<&Value>,
) -> Result<Permission, Failure> {
    let delegation = match config.filter(|config| !config.is_null()) {
        Some(config) => Some(delegation(backend, caller, config).await?),
        None => None,
    };
    let now = backend.now();
    let mut permission = Permission { delegation, issued_at: now, expires_at: now.after(LIFETIME) };
    if let Some(id) = delegation {
        let row = backend.delegation(PublicId::new(caller.tenant, id)).await?;
        let row = row.filter(|row| row.holder == caller.account).ok_or(Refusal::NoDelegation)?;
        if row.plan.is_some_and(|bound| bound != plan.id) {
            return Err(Refusal::DelegationPlan.into());
        }
        // The smallest use tells whether the plan's price can be counted at all.
        let unfit = delegations::limits_of(&row, plan, plan.rules.cost(Quantity::ZERO)).err();
        if let Some(end) = end_of(&row, now).or(unfit) {
            return Err(Refusal::Delegation(end).into());
        }
        permission.expires_at = permission.expires_at.min(row.expires_at);
    }
    Ok(permission)
}

async fn delegation(backend: &Backend, caller: &Caller, config: &Value) -> Result<Id<DelegationKind>, Failure> {
    if let Some(id) = config.get("delegationId").filter(|id| !id.is_null()) {
        let id = id.as_str().and_then(|id| Uuid::try_parse(id).ok());
        return Ok(id.map(Id::from_uuid).ok_or(Refusal::NoDelegation)?);
    }
    let raw = config.to_string();
    let request: DelegationRequest =
        serde_json::from_str(&raw).map_err(|error| Refusal::BadBody(format!("delegationConfig: {error}")))?;
    delegations::open(backend, caller, &request, raw.as_bytes(), None).await
}

fn mint(
    backend: &Backend,
    caller: &Caller,
    accepted: &CreditsAccept,
    permission: &Permission,
    binding: Option<Binding>,
) -> Result<AccessToken, Failure> {
    let nonce = binding.as_ref().map(|_| fresh_nonce()).transpose()?;
    let (url, verb) = binding.map(|binding| (binding.url, binding.verb)).unzip();
    let authorization = Authorization {
        from: caller.account.to_string(),
        session_keys_provider: ISSUER.to_owned(),
        session_keys: permission.session_keys(),
        nonce,
    };
    let extra = CreditsExtra { version: None, agent_id: accepted.extra.agent_id.clone(), http_verb: verb };
    let mut token = AccessToken {
        x402_version: VERSION,
        resource: url.map(|url| Resource { url, description: None, mime_type: None }),
        accepted: CreditsAccept { extra, ..accepted.clone() },
        payload: TokenPayload { signature: String::new(), authorization },
        extensions: Some(serde_json::Map::new()),
    };
    token.payload.signature = backend.keyring().sign_access_token(&token);
    Ok(token)
}

fn fresh_nonce() -> Result<String, Failure> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|_| impossible("the system gave no random numbers"))?;
    Ok(format!("0x{}", hex::encode(bytes)))
}
