//! Whose page it is.

use super::{colour::Colour, text::quotable};

/// What a seller may say about itself, checked.
#[derive(Debug, Clone)]
pub(super) struct Brand {
    pub(super) app_name: Option<String>,
    pub(super) logo: Option<String>,
    pub(super) support: Option<String>,
    pub(super) accent: Colour,
}

/// A paywall that cannot be shown as written: a start-up error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPaywall {
    /// Nobody would know who is paid.
    #[error("the paywall's app name is empty: leave it out instead")]
    AppName,
    /// Not a picture that the page may show.
    #[error(
        "the paywall's logo is `data:image/…;base64,…` of at most 32 KiB (png, jpeg, gif, webp, avif, svg+xml), or a path \
         of this server such as `/logo.svg`"
    )]
    Logo,
    /// Not a link that the page may offer.
    #[error("`{0}` is no link for support: write `https://…`, `mailto:…` or a path of this server")]
    Support(String),
    /// Not a colour.
    #[error("`{0}` is not a colour: write it as `#0b6e4f`")]
    Accent(String),
}

const PICTURES: [&str; 6] = ["png", "jpeg", "gif", "webp", "avif", "svg+xml"];
const MOST_LOGO: usize = 32 * 1024;
const MOST_LINK: usize = 2048;

pub(super) fn app_name(text: String) -> Result<String, BadPaywall> {
    if text.trim().is_empty() { Err(BadPaywall::AppName) } else { Ok(text) }
}

pub(super) fn logo(text: String) -> Result<String, BadPaywall> {
    let good = text.len() <= MOST_LOGO && (is_path(&text) || is_picture(&text));
    if good { Ok(text) } else { Err(BadPaywall::Logo) }
}

pub(super) fn support(text: String) -> Result<String, BadPaywall> {
    let known = ["https://", "mailto:"].iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme));
    let good = text.len() <= MOST_LINK && (is_path(&text) || known && quotable(&text) == text);
    if good { Ok(text) } else { Err(BadPaywall::Support(text)) }
}

pub(super) fn accent(text: &str) -> Result<Colour, BadPaywall> {
    Colour::parse(text).ok_or_else(|| BadPaywall::Accent(text.to_owned()))
}

/// True for a path of this server; `//host` and `/\host` would be another's.
pub(super) fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//") && quotable(text) == text
}

/// An SVG in an `img` element runs no scripts and loads nothing.
fn is_picture(text: &str) -> bool {
    let Some((kind, data)) = text.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,")) else {
        return false;
    };
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    PICTURES.contains(&kind) && !data.is_empty() && data.bytes().all(base64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_inside_the_page_or_on_the_same_server() {
        for good in
            ["/logo.svg", "/a/b.png?v=2", "data:image/png;base64,iVBORw0=", "data:image/svg+xml;base64,PHN2Zz4="]
        {
            assert_eq!(logo(good.to_owned()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "logo.svg",
            "//evil.example/logo.svg",
            "/\\evil.example/logo.svg",
            "https://cdn.example/logo.svg",
            "javascript:alert(1)",
            "data:text/html;base64,PHN2Zz4=",
            "data:image/png;base64,",
            "data:image/png;base64,a\"onload=x",
            "data:image/svg+xml,<svg/>",
            "/a b.png",
        ] {
            assert_eq!(logo(bad.to_owned()), Err(BadPaywall::Logo), "{bad}");
        }
        assert_eq!(logo(format!("/{}", "a".repeat(MOST_LOGO))), Err(BadPaywall::Logo));
    }

    #[test]
    fn a_support_link_leads_to_a_page_or_a_mailbox() {
        for good in ["https://help.example/x?y=1", "mailto:help@shop.example", "/help"] {
            assert_eq!(support(good.to_owned()), Ok(good.to_owned()));
        }
        for bad in ["", "https://", "http://help.example", "javascript:alert(1)", "//help.example", "https://a b"] {
            assert_eq!(support(bad.to_owned()), Err(BadPaywall::Support(bad.to_owned())), "{bad}");
        }
    }
}
