//! Query parameters that go on; all others stay here.

use std::borrow::Cow;

use crate::problem::{BadField, Refusal};

/// `GET /plans`.
pub(crate) const PLANS: &[&str] = &["product_id", "status", "limit", "cursor"];
/// `GET /invoices`.
pub(crate) const INVOICES: &[&str] = &["status", "limit", "cursor"];

/// The parameters of one request, decoded.
pub(crate) struct Query<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Query<'a> {
    /// Those of `known` that are there. One that comes twice is refused: two readers may take different ones.
    pub(crate) fn read(query: Option<&'a str>, known: &[&str]) -> Result<Self, Refusal> {
        let mut kept: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if !known.contains(&name.as_ref()) {
                continue;
            }
            if kept.iter().any(|(other, _)| *other == name) || value.contains(char::REPLACEMENT_CHARACTER) {
                return Err(Refusal::BadQuery);
            }
            kept.push((name, value));
        }
        Ok(Self(kept))
    }

    /// `path` with these parameters, encoded anew.
    pub(crate) fn append_to(&self, path: &str) -> String {
        let mut whole = path.to_owned();
        for (at, (name, value)) in self.0.iter().enumerate() {
            whole.push_str(if at == 0 { "?" } else { "&" });
            // The names are ours, and plain.
            whole.push_str(name);
            whole.push('=');
            whole.extend(form_urlencoded::byte_serialize(value.as_bytes()));
        }
        whole
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }
}

/// The body that `GET /check` stands for: `?feature_code=…`, and a `required_usage` of 0 unless it says another.
pub(crate) fn check_body(query: Option<&str>) -> Result<Vec<u8>, Refusal> {
    let query = Query::read(query, &["feature_code", "required_usage"])?;
    let usage = query.get("required_usage").unwrap_or("0");
    let number: Option<&serde_json::value::RawValue> = serde_json::from_str(usage).ok();
    let number = number.filter(|raw| raw.get().starts_with(|first: char| first.is_ascii_digit() || first == '-'));
    let number = number.ok_or_else(|| BadField::new("required_usage", "invalid_type", "must be a number"))?;
    let feature = query.get("feature_code").map(super::fields::quoted);
    let feature = feature.map(|code| format!("\"feature_code\":{code},")).unwrap_or_default();
    Ok(format!("{{{feature}\"required_usage\":{number}}}").into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(query: &str, known: &[&str]) -> Result<String, Refusal> {
        Query::read(Some(query), known).map(|query| query.append_to("/v1/x"))
    }

    #[test]
    fn known_parameters_go_on_and_others_do_not() {
        assert_eq!(forwarded("", INVOICES).unwrap(), "/v1/x");
        assert_eq!(
            forwarded("status=paid&limit=5&cursor=a%2Bb", INVOICES).unwrap(),
            "/v1/x?status=paid&limit=5&cursor=a%2Bb"
        );
        assert_eq!(forwarded("customer_id=evil&customer_email=e&subscription_id=s&_=1", PLANS).unwrap(), "/v1/x");
        assert_eq!(forwarded("product_id=p&customer_id=evil", PLANS).unwrap(), "/v1/x?product_id=p");
    }

    #[test]
    fn a_value_cannot_become_a_parameter() {
        assert_eq!(
            forwarded("status=open%26customer_id%3Devil%23", INVOICES).unwrap(),
            "/v1/x?status=open%26customer_id%3Devil%23"
        );
        assert_eq!(forwarded("st%61tus=open", INVOICES).unwrap(), "/v1/x?status=open");
    }

    #[test]
    fn a_parameter_that_comes_twice_or_is_no_text_is_refused() {
        assert_eq!(forwarded("limit=1&limit=2", INVOICES), Err(Refusal::BadQuery));
        assert_eq!(forwarded("status=%ff", INVOICES), Err(Refusal::BadQuery));
    }

    #[test]
    fn a_check_without_a_body_asks_for_nothing_unless_told() {
        let body = |query: &str| check_body(Some(query)).map(|body| String::from_utf8(body).unwrap());
        assert_eq!(body("feature_code=api").unwrap(), r#"{"feature_code":"api","required_usage":0}"#);
        assert_eq!(
            body("required_usage=2.50&feature_code=a%22b").unwrap(),
            r#"{"feature_code":"a\"b","required_usage":2.50}"#
        );
        assert_eq!(body("").unwrap(), r#"{"required_usage":0}"#);
        for odd in ["x", "", "[1]", "true", "1,%22a%22:2", "1}"] {
            assert!(matches!(body(&format!("required_usage={odd}")), Err(Refusal::BadField(_))), "{odd}");
        }
    }
}
