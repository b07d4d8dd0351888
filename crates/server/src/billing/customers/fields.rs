//! What a customer's members may be.

use farebox_types::Address;

use super::super::edge::Denial;

/// As customers are told apart: trimmed, lower case.
pub(super) fn email(text: &str) -> Result<String, Denial> {
    let text = text.trim().to_lowercase();
    let plain = text.len() <= 254 && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let parts =
        text.split_once('@').filter(|(user, domain)| !user.is_empty() && !domain.is_empty() && !domain.contains('@'));
    match parts {
        Some(_) if plain => Ok(text),
        _ => Err(Denial::member("/email", "must be an e-mail address of at most 254 characters")),
    }
}

/// A short text without control characters.
pub(super) fn short(pointer: &str, text: &str) -> Result<String, Denial> {
    let good = !text.trim().is_empty() && text.len() <= 255 && !text.chars().any(char::is_control);
    if good { Ok(text.to_owned()) } else { Err(Denial::member(pointer, "must have 1 to 255 visible characters")) }
}

/// An account of the credits API, as it is printed.
pub(super) fn payer(text: &str) -> Result<String, Denial> {
    let address: Address =
        text.parse().map_err(|_| Denial::member("/payer", "must be an account: 0x and 40 hex digits"))?;
    Ok(address.to_string())
}

/// No deeper and no longer than rows should hold.
pub(super) fn metadata(value: &farebox_api::Metadata) -> Result<(), Denial> {
    let long = serde_json::to_string(value).map_or(true, |text| text.len() > 16 * 1024);
    if long { Err(Denial::member("/metadata", "must be at most 16384 bytes of JSON")) } else { Ok(()) }
}
