//! `POST /api/v1/protocol/agent-sub-tasks`: a part of a request's work, as its seller reports it.

use axum::{Json, extract::State};
use farebox_store::Change;
use farebox_telemetry::server::AGENT_WRITE;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    backend::Backend,
    credits::{
        number::Uint,
        write::{Write, name_of},
        x402::request_id,
    },
    http::{Body, Name, Problem, Seller},
    refusal::{Failure, Refusal},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SubTask {
    agent_request_id: String,
    credits_to_redeem: Option<Uint>,
    tag: Option<String>,
    description: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Status {
    Success,
    Failed,
    Pending,
}

const MAX_TAG: usize = 100;
const MAX_DESCRIPTION: usize = 1_000;

/// Keeps the report, and a line of it in the audit trail. It is a report: no credits move, whatever it says of them.
#[tracing::instrument(name = AGENT_WRITE, skip_all, fields(farebox.merchant = %caller.tenant))]
pub(crate) async fn track(
    State(backend): State<Backend>,
    Seller(caller): Seller,
    Name(key): Name,
    Body { value, raw }: Body<SubTask>,
) -> Result<Json<Value>, Problem> {
    let (subject, data) = value.checked()?;
    let answer = json!({"success": true, "data": data});
    let changes = vec![Change::Noted { action: "sub_task_tracked", subject }];
    let name = name_of(key.as_ref());
    Ok(Json(backend.write(&caller, Write { verb: "sub-task.track", name, request: &raw, changes, answer }).await?))
}

impl SubTask {
    /// The audit trail's words for it, and the whole of it.
    fn checked(&self) -> Result<(String, Value), Failure> {
        let request = request_id(&self.agent_request_id)?;
        let credits = self.credits_to_redeem.as_ref().map(|credits| credits.credits("creditsToRedeem"));
        let credits = credits.transpose()?.unwrap_or_default();
        let tag = short(self.tag.as_deref(), MAX_TAG).ok_or(Refusal::field("tag", "at most 100 characters"))?;
        let rule = "at most 1000 characters";
        let description = short(self.description.as_deref(), MAX_DESCRIPTION);
        let description = description.ok_or(Refusal::field("description", rule))?;
        let status = self.status.map(Status::as_str);
        let subject =
            json!({"request": request.as_str(), "credits": credits.to_string(), "tag": tag, "status": status});
        let data = json!({
            "agentSubTaskId": Uuid::now_v7().to_string(),
            "agentRequestId": request.as_str(),
            "creditsToRedeem": credits.to_string(),
            "tag": tag,
            "description": description,
            "status": status,
        });
        Ok((subject.to_string(), data))
    }
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Pending => "PENDING",
        }
    }
}

/// The text, or nothing of none; `None` if it is too long to keep.
fn short(text: Option<&str>, most: usize) -> Option<Option<&str>> {
    match text {
        Some(text) if text.chars().count() > most => None,
        text => Some(text),
    }
}
