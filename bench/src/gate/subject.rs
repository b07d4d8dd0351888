//! Subjects.

pub(crate) async fn serve(_subject: &str, _rest: &[&str]) -> anyhow::Result<()> {
    Ok(())
}
