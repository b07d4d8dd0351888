//! `GET` and `PUT /v1/admin/settings`.

use farebox_api::Settings as View;
use farebox_store::{
    Fault,
    billing::{Put, Settings},
};

use super::super::{
    desk::Desk,
    edge::{Call, Denial, Reply},
};

const MOST: usize = 100;
const LONGEST_GRACE: u32 = 366 * 86_400;

pub(in crate::billing) async fn settings(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let row = desk.row::<Settings>(call.tenant, call.tenant.uuid()).await?;
    Ok(shown(&row.map_or_else(|| Settings::unset(call.tenant.uuid()), |row| row.value))?)
}

pub(in crate::billing) async fn put_settings(desk: &Desk, call: &Call) -> Result<Reply, Denial> {
    let body: View = call.body()?;
    let wanted = checked(call.tenant.uuid(), &body)?;
    let reply = shown(&wanted)?;
    let put = match desk.row::<Settings>(call.tenant, wanted.id).await? {
        Some(row) if row.value == wanted => return desk.remember_if_named(call, reply).await,
        Some(row) => Put::update(&row.with(wanted), "settings_changed")?,
        None => Put::new(&wanted, "settings_changed")?,
    };
    desk.write(call, vec![put], &reply).await
}

fn checked(id: uuid::Uuid, body: &View) -> Result<Settings, Denial> {
    if body.redirect_domains.len() > MOST || !body.redirect_domains.iter().all(|domain| is_domain(domain)) {
        return Err(Denial::member("/redirect_domains", "must be at most 100 domains, as shop.example.com"));
    }
    if body.strict_redirects && body.redirect_domains.is_empty() {
        return Err(Denial::member("/redirect_domains", "must name a domain: nobody could be sent back anywhere"));
    }
    if body.past_due_grace_seconds > LONGEST_GRACE {
        return Err(Denial::member("/past_due_grace_seconds", "must be at most a year, 31622400"));
    }
    Ok(Settings {
        id,
        strict_redirects: body.strict_redirects,
        redirect_domains: body.redirect_domains.iter().map(|domain| domain.to_ascii_lowercase()).collect(),
        past_due_grace_seconds: u64::from(body.past_due_grace_seconds),
    })
}

/// Labels between dots; no scheme, no port, no path.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&label.len()) && plain && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn shown(settings: &Settings) -> Result<Reply, Fault> {
    Reply::ok(&View {
        strict_redirects: settings.strict_redirects,
        redirect_domains: settings.redirect_domains.clone(),
        past_due_grace_seconds: u32::try_from(settings.past_due_grace_seconds).unwrap_or(u32::MAX),
    })
}
