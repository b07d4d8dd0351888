//! `farebox mcp`: tools for an agent, on standard input and output or over streamable HTTP. Reading needs a token; paying needs a budget as well,
//! which is kept in a file and can only be spent once.

mod api;
mod budget;
mod http;
mod pay;
mod tools;

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, Implementation, ListToolsResult,
        PaginatedRequestParams, ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
    transport::stdio_pipes,
};

use farebox_types::Secret;

use self::{api::Api, budget::Budget, tools::Call};
use crate::{args::McpArgs, output::Output};

/// What the agent is told about this server.
const INSTRUCTIONS: &str = "Payments of one merchant. Ask has_customer_paid before you unlock something. create_payment \
    takes money, refund_payment gives it back: give each an operation name of your own, and repeat a call that failed or timed \
    out with the same name; it happens once. Amounts are minor units: 4999 USD is $49.99, 5000 KRW is ₩5,000.";

pub(crate) async fn run(args: McpArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let budget = args.journal.map(|journal| Arc::new(Budget::new(journal, args.budgets)));
    let api = Api::new(&args.url)?;
    if let Some(listen) = args.listen {
        http::serve(Agents { api, token: None, budget }, listen, &args.hosts, output).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let token = Some(api::token(args.token_file.as_deref())?);
    let serving =
        Agents { api, token, budget }.serve(stdio_pipes()).await.context("the agent's side does not speak MCP")?;
    serving.waiting().await?;
    Ok(ExitCode::SUCCESS)
}

/// The server.
#[derive(Clone)]
struct Agents {
    api: Api,
    /// Ours; without one every caller brings theirs.
    token: Option<Secret>,
    budget: Option<Arc<Budget>>,
}

impl ServerHandler for Agents {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("farebox", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let call = Call::read(&request.name, request.arguments.unwrap_or_default())
            .map_err(|what| ErrorData::invalid_params(what, None))?;
        let token = self.token.clone().or_else(|| http::token_of(&context));
        let token = token.ok_or_else(|| ErrorData::invalid_request("this call brings no API token", None))?;
        let api = self.api.with(token);
        let answer = match call {
            Call::Read(path) => api.get(&path).await.map_err(|trouble| trouble.told()),
            Call::Pay(payment) => pay::pay(&api, self.budget.as_deref(), &payment).await,
            Call::Refund(refund) => pay::refund(&api, self.budget.as_deref(), &refund).await,
        };
        Ok(match answer {
            Ok(value) => CallToolResult::structured(value),
            Err(value) => CallToolResult::structured_error(value),
        }
        .into())
    }
}
