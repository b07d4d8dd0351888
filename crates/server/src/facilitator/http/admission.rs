//! Who may call, and how often.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};

use super::{Denial, Edge, layers::face};
use crate::{
    facilitator::{
        KeyPolicy,
        keys::Bearer,
        limits::{Caller, Standing},
    },
    keys::Scope,
};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A request that was let in.
#[derive(Debug, Clone)]
pub(in crate::facilitator) struct Admitted {
    bearer: Bearer,
    policy: KeyPolicy,
}

impl Admitted {
    /// Whether its key permits this; without a key, whether none is needed.
    pub(in crate::facilitator) fn may(&self, scope: Scope) -> Result<(), Denial> {
        match (&self.bearer, self.policy) {
            (Bearer::Key { scopes, .. }, _) if scopes.allow(scope) => Ok(()),
            (Bearer::Key { .. }, _) => Err(Denial::Forbidden(scope)),
            (Bearer::Nobody, KeyPolicy::Open) => Ok(()),
            (Bearer::Nobody, KeyPolicy::Required) => Err(Denial::NoKey),
        }
    }

    /// Who it is, where somebody has to answer for it whatever the policy says.
    pub(in crate::facilitator) fn owner(&self, scope: Scope) -> Result<String, Denial> {
        match &self.bearer {
            Bearer::Key { id, scopes } if scopes.allow(scope) => Ok(id.to_string()),
            Bearer::Key { .. } => Err(Denial::Forbidden(scope)),
            Bearer::Nobody => Err(Denial::NoKey),
        }
    }

    /// Whose idempotency keys are meant.
    pub(super) fn scope(&self) -> String {
        match &self.bearer {
            Bearer::Key { id, .. } => id.to_string(),
            Bearer::Nobody => "open".to_owned(),
        }
    }
}

/// Finds out who calls, counts the request, and lets it through with [`Admitted`] or not at all.
pub(super) async fn admit(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let face = face(&request);
    let peer = peer(&request, edge.options().behind_proxy);
    let (bearer, standing) = match identified(&edge, request.headers(), peer).await {
        Ok(admitted) => admitted,
        Err((denial, standing)) => return with(denial.answer(face), standing),
    };
    if let Some(standing) = standing.filter(|standing| !standing.allowed) {
        edge.metrics().limited();
        return with(Denial::Limited(standing.wait).answer(face), Some(standing));
    }
    request.extensions_mut().insert(Admitted { bearer, policy: edge.options().keys });
    with(next.run(request).await, standing)
}

/// The caller and its standing. Who guesses keys has a limit of its own, which is looked at before any key is.
async fn identified(
    edge: &Edge,
    headers: &HeaderMap,
    peer: IpAddr,
) -> Result<(Bearer, Option<Standing>), (Denial, Option<Standing>)> {
    let (limits, now) = (edge.limits(), edge.now());
    let guessing = Caller::Guessing(peer);
    if let Some(wait) = limits.and_then(|limits| limits.exhausted(&guessing, now)) {
        edge.metrics().limited();
        return Err((Denial::Limited(wait), None));
    }
    match Bearer::identify(edge, headers).await {
        Ok(bearer) => {
            let caller = match &bearer {
                Bearer::Key { id, .. } => Caller::Key(*id),
                Bearer::Nobody => Caller::Peer(peer),
            };
            Ok((bearer, limits.map(|limits| limits.take(caller, now))))
        }
        Err(denial) => {
            edge.metrics().refused_key();
            Err((denial, limits.map(|limits| limits.take(guessing, now))))
        }
    }
}

/// Where the request comes from.
fn peer(request: &Request, behind_proxy: bool) -> IpAddr {
    let forwarded = || {
        let last = request.headers().get_all(FORWARDED_FOR).iter().next_back()?;
        last.to_str().ok()?.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    };
    let connected = || request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let peer = if behind_proxy { forwarded().or_else(connected) } else { connected() };
    peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn with(mut answer: Response, standing: Option<Standing>) -> Response {
    if let Some(standing) = standing {
        let headers = answer.headers_mut();
        headers.insert(LIMIT, HeaderValue::from(standing.limit));
        headers.insert(REMAINING, HeaderValue::from(standing.remaining));
        headers.insert(RESET, HeaderValue::from(standing.reset.seconds()));
    }
    answer
}
