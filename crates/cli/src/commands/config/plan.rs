//! `farebox config plan`: what an apply would do.

use std::process::ExitCode;

use farebox_client::api::Config;

use super::{
    applied::Applied,
    diff::{self, Plan},
    file::File,
    minimal,
    remote::Remote,
};
use crate::{
    args::{ComparedArgs, PlanArgs},
    commands::connect::{self, Connection},
    output::Output,
};

/// As `diff` has it: there is a difference.
const DIFFERENT: u8 = 2;

/// File, server and last apply, compared.
pub(super) struct Compared {
    pub(super) file: File,
    /// What the file says, in the one way to say it.
    pub(super) wanted: Config,
    pub(super) remote: Remote,
    pub(super) connection: Connection,
    pub(super) applied: Applied,
    pub(super) plan: Plan,
}

pub(super) async fn compare(args: &ComparedArgs, output: &Output) -> anyhow::Result<Compared> {
    let file = File::read(&args.file)?;
    let connection = connect::open(&args.connect)?;
    let applied = Applied::read(&args.file)?;
    let remote = Remote::new(connection.client.clone());
    let progress = output.progress("reading what the server sells");
    let present = remote.read().await?;
    drop(progress);
    let wanted = minimal::config(&file.config);
    let last = applied.to(&connection.name);
    let plan = diff::plan(&things(&wanted)?, &things(&present)?, last.as_ref(), args.archive);
    Ok(Compared { file, wanted, remote, connection, applied, plan })
}

pub(super) fn things(config: &Config) -> anyhow::Result<diff::Things> {
    diff::things(config).ok_or_else(|| anyhow::anyhow!("the configuration cannot be written as JSON"))
}

pub(super) async fn run(args: &PlanArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let Compared { file, connection, plan, .. } = compare(&args.compared, output).await?;
    let file = file.path.display().to_string();
    output.answer(plan.text(&file, &connection.url), &plan.object(&file, &connection.url));
    let different = !plan.is_empty() || !plan.drift.is_empty();
    Ok(if args.exit_code && different { ExitCode::from(DIFFERENT) } else { ExitCode::SUCCESS })
}
