//! `GET /api/v1/protocol/plans/{plan}`: public.

use axum::{Json, extract::State};
use serde_json::Value;

use super::view;
use crate::{
    backend::Backend,
    http::{Problem, Segments},
};

pub(crate) async fn get(
    State(backend): State<Backend>,
    Segments(plan): Segments<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(view(&*backend.plan_named(&plan).await?)))
}
