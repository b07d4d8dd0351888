//! Changing the catalogue: always with a key, because somebody has to answer for a listing.

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::StatusCode,
};
use farebox_engine::ledger::Actor;
use farebox_store::{Change, OperationKey, Record, Recorded, Resource};
use farebox_types::{Id, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    catalogue::{Listed, MOST},
    list::{IdInPath, find},
    listing::{self, Listing, MAX_BODY, Registration, Update},
};
use crate::{
    credits::rfc3339,
    facilitator::http::{Admitted, Denial, Edge},
    keys::Scope,
};

/// `POST /v1/discovery/register`.
pub(in crate::facilitator) async fn register(
    State(edge): State<Edge>,
    Extension(caller): Extension<Admitted>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Denial> {
    let owner = caller.owner(Scope::Settle)?;
    let (url, listing) = listing::read::<Registration>(&whole(body)?)?.checked()?;
    if edge.catalogue().all(edge.facilitating()).await?.len() >= MOST {
        return Err(Denial::CatalogueFull);
    }
    let at = edge.now();
    let listed = Listed { id: Id::generate(), url, owner: owner.clone(), created_at: at, updated_at: at, listing };
    write(&edge, owner, Change::Resource(row(&edge, &listed)?), at).await?;
    let answer = json!({
        "id": listed.id.to_string(),
        "resource": listed.url,
        "type": "http",
        "t402Version": 2,
        "x402Version": 2,
        "createdAt": rfc3339(at),
    });
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `PUT /v1/discovery/resources/{id}`.
pub(in crate::facilitator) async fn update(
    State(edge): State<Edge>,
    Extension(caller): Extension<Admitted>,
    id: IdInPath,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Denial> {
    let (by, listed) = owned(&edge, &caller, id).await?;
    let update: Update = listing::read(&whole(body)?)?;
    let at = edge.now();
    let listing = update.apply(listed.listing.clone())?;
    let listed = Listed { listing, updated_at: at, ..listed };
    write(&edge, by, Change::Resource(row(&edge, &listed)?), at).await?;
    Ok(Json(listed.t402()))
}

/// `DELETE /v1/discovery/resources/{id}`.
pub(in crate::facilitator) async fn delete(
    State(edge): State<Edge>,
    Extension(caller): Extension<Admitted>,
    id: IdInPath,
) -> Result<StatusCode, Denial> {
    let (by, listed) = owned(&edge, &caller, id).await?;
    write(&edge, by, Change::RemoveResource(listed.id), edge.now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who asks, and the resource, which must be the caller's own; the operator may tidy up everybody's.
async fn owned(edge: &Edge, caller: &Admitted, id: IdInPath) -> Result<(String, Listed), Denial> {
    let by = caller.owner(Scope::Settle)?;
    let listed = find(edge, id).await?;
    if listed.owner == by || caller.owner(Scope::All).is_ok() { Ok((by, listed)) } else { Err(Denial::NotOwner) }
}

fn whole(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Denial> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Denial::TooLarge(MAX_BODY),
        _ => Denial::NoBody,
    })
}

fn row(edge: &Edge, listed: &Listed) -> Result<Resource, Denial> {
    let document = document(&listed.listing)?;
    Ok(Resource {
        tenant: edge.facilitating().tenant(),
        id: listed.id,
        url: listed.url.clone(),
        owner: listed.owner.clone(),
        document,
        created_at: listed.created_at,
        updated_at: listed.updated_at,
    })
}

fn document(listing: &Listing) -> Result<String, Denial> {
    serde_json::to_string(listing).map_err(|error| {
        tracing::error!(%error, "a listing cannot be written");
        Denial::Internal
    })
}

async fn write(edge: &Edge, by: String, change: Change, at: Timestamp) -> Result<(), Denial> {
    let record = Record {
        tenant: edge.facilitating().tenant(),
        operation: OperationKey { scope: "facilitator.resource".to_owned(), key: Uuid::now_v7().to_string() },
        request_hash: [0; 32],
        changes: vec![change],
        answer: "{}".to_owned(),
        actor: Actor::new(by),
        at,
    };
    let recorded = edge.facilitating().store().record(record).await;
    // Whatever came of it, what is remembered may be old now.
    edge.catalogue().forget().await;
    match recorded? {
        Recorded::Fresh | Recorded::Replayed(_) => Ok(()),
        Recorded::Taken => Err(Denial::Listed),
        Recorded::Conflict => Err(Denial::Internal),
    }
}
