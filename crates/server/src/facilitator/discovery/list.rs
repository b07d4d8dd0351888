//! Reading the catalogue.

use std::collections::HashMap;

use axum::{
    Extension, Json,
    extract::{Path, Query, State, rejection::PathRejection},
};
use serde_json::{Value, json};

use super::{catalogue::Listed, filter::Filter};
use crate::{
    facilitator::http::{Admitted, Denial, Edge},
    keys::Scope,
};

/// What is no text is no id either.
pub(super) type IdInPath = Result<Path<String>, PathRejection>;
type Asked = Query<HashMap<String, String>>;

/// `GET /discovery/resources`.
pub(in crate::facilitator) async fn list_x402(
    State(edge): State<Edge>,
    Extension(caller): Extension<Admitted>,
    query: Asked,
) -> Result<Json<Value>, Denial> {
    list(&edge, &caller, query, Listed::x402).await
}

/// `GET /v1/discovery/resources`.
pub(in crate::facilitator) async fn list_t402(
    State(edge): State<Edge>,
    Extension(caller): Extension<Admitted>,
    query: Asked,
) -> Result<Json<Value>, Denial> {
    list(&edge, &caller, query, Listed::t402_in_list).await
}

/// `GET /v1/discovery/resources/{id}`.
pub(in crate::facilitator) async fn get(
    State(edge): State<Edge>,
    Extension(caller): Extension<Admitted>,
    id: IdInPath,
) -> Result<Json<Value>, Denial> {
    caller.may(Scope::Read)?;
    Ok(Json(find(&edge, id).await?.t402()))
}

async fn list(edge: &Edge, caller: &Admitted, query: Asked, view: fn(&Listed) -> Value) -> Result<Json<Value>, Denial> {
    caller.may(Scope::Read)?;
    let filter = Filter::read(query)?;
    let all = edge.catalogue().all(edge.facilitating()).await?;
    let (items, total) = filter.cut(&all);
    let items: Vec<Value> = items.into_iter().map(view).collect();
    let window = json!({"limit": filter.limit, "offset": filter.offset, "total": total});
    Ok(Json(json!({"x402Version": 2, "t402Version": 2, "items": items, "pagination": window})))
}

/// A resource by the id in the path; what is no id is no resource.
pub(super) async fn find(edge: &Edge, id: IdInPath) -> Result<Listed, Denial> {
    let Path(id) = id.map_err(|_| Denial::NoResource)?;
    let id = id.parse().map_err(|_| Denial::NoResource)?;
    let row = edge.facilitating().store().resource(edge.facilitating().tenant(), id).await?;
    row.and_then(Listed::read).ok_or(Denial::NoResource)
}
