//! A protected route beside the same route unprotected.

pub(crate) mod subject;

pub(crate) async fn run() -> anyhow::Result<()> {
    Ok(())
}
