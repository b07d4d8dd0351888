//! The offer of version 1: a JSON body beside the header of version 2.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Accept, BadRequest, Dialect, EXACT, PaymentRequired, Requirements, Resource, VERSION, Version,
    member::{Member, check_depth},
    networks,
    payload::{RequirementsV1, Versions, read_requirements},
};

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "x402Version")]
    x402_version: u8,
    #[serde(rename = "t402Version")]
    t402_version: u8,
    error: &'a str,
    accepts: Vec<RequirementsV1<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    message: &'a str,
}

/// The body, for clients of both families; `None` if nothing that is offered has a name in version 1. `error` tells people
/// why, `code` machines; both are additions that version 1 clients pass over.
#[must_use]
pub fn write(offer: &PaymentRequired, error: &str, code: Option<&str>) -> Option<Vec<u8>> {
    let chain = offer.accepts.iter().filter_map(Accept::chain);
    let named = chain.filter(|accept| is_for_v1(accept));
    let accepts: Vec<_> = named.map(|accept| RequirementsV1::new(accept, Some(&offer.resource))).collect();
    if accepts.is_empty() {
        return None;
    }
    serde_json::to_vec(&Body { x402_version: 1, t402_version: 1, error, accepts, code, message: error }).ok()
}

/// Version 1 knows `exact` by the token's own signed transfer, on networks with a short name; one entry of another kind
/// makes some of its readers give up the whole.
fn is_for_v1(accept: &Requirements) -> bool {
    accept.scheme == EXACT
        && networks::short_name(&accept.network).is_some()
        && accept.extra_text("assetTransferMethod").is_none_or(|method| method == "eip3009")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape<'a> {
    #[serde(borrow, default)]
    x402_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    t402_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    accepts: Option<&'a RawValue>,
}

/// Reads such a body into the shape of version 2; what cannot be read of `accepts` is left out.
///
/// # Errors
/// [`BadRequest`] for what is not an offer of version 1.
pub fn read(body: &[u8]) -> Result<(Dialect, PaymentRequired), BadRequest> {
    check_depth(body)?;
    let shape: Shape<'_> = serde_json::from_slice(body).map_err(|_| BadRequest::whole("not JSON"))?;
    let version = Member::new(None, "", "x402Version");
    let dialect = Versions { x402: shape.x402_version, t402: shape.t402_version }.dialect("")?;
    let dialect = dialect.filter(|dialect| dialect.version == Version::V1).ok_or_else(|| version.bad("is not 1"))?;
    let accepts = Member::new(shape.accepts, "", "accepts");
    let offered: Vec<&RawValue> =
        serde_json::from_str(accepts.needed()?.get()).map_err(|_| accepts.bad("is not a list"))?;
    let read: Vec<_> = offered.into_iter().filter_map(|raw| read_requirements(raw, "accepts").ok()).collect();
    let resource = read.iter().find_map(|accept| accept.resource.clone());
    let offer = PaymentRequired {
        x402_version: VERSION,
        t402_version: None,
        error: Member::new(shape.error, "", "error").text(MOST_ERROR).ok().flatten(),
        resource: resource.unwrap_or(Resource { url: String::new(), description: None, mime_type: None }),
        accepts: read.into_iter().map(|accept| Accept::Chain(accept.requirements)).collect(),
        extensions: serde_json::Map::new(),
    };
    Ok((dialect, offer))
}

const MOST_ERROR: usize = 4096;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::price::Price;

    fn offer(networks: &[&str]) -> PaymentRequired {
        let accept = |network: &&str| {
            let price = Price::Token { amount: 7.into(), asset: "0xa".into(), extra: serde_json::Map::new() };
            Accept::Chain(price.requirements("exact", network, "0xb", 60).unwrap())
        };
        PaymentRequired {
            x402_version: VERSION,
            t402_version: None,
            error: None,
            resource: Resource { url: "/paid".into(), description: Some("A page".into()), mime_type: None },
            accepts: networks.iter().map(accept).collect(),
            extensions: serde_json::Map::new(),
        }
    }

    #[test]
    fn both_families_find_their_version_and_their_names() {
        let body: Value = serde_json::from_slice(&write(&offer(&["base-sepolia"]), "pay", None).unwrap()).unwrap();
        assert_eq!(
            body,
            json!({"x402Version": 1, "t402Version": 1, "error": "pay", "message": "pay",
                   "accepts": [{"scheme": "exact", "network": "base-sepolia", "maxAmountRequired": "7",
                                "resource": "/paid", "description": "A page", "mimeType": "", "payTo": "0xb",
                                "maxTimeoutSeconds": 60, "asset": "0xa"}]})
        );
    }

    #[test]
    fn only_networks_with_a_short_name_are_offered() {
        assert_eq!(write(&offer(&["eip155:31337"]), "pay", None), None);
        let body = write(&offer(&["eip155:31337", "base"]), "pay", None).unwrap();
        assert_eq!(read(&body).unwrap().1.accepts.len(), 1);
    }

    #[test]
    fn what_version_1_cannot_pay_is_left_out() {
        let mut offered = offer(&["base", "base", "base"]);
        let mut kinds = ["upto", "exact", "exact"].into_iter().zip(["permit2", "permit2", "eip3009"]);
        for accept in &mut offered.accepts {
            let Accept::Chain(accept) = accept else { panic!("not on a chain") };
            let (scheme, method) = kinds.next().unwrap();
            accept.scheme = scheme.into();
            accept.extra.insert("assetTransferMethod".into(), method.into());
        }
        let (_, read) = read(&write(&offered, "pay", None).unwrap()).unwrap();
        assert_eq!(read.accepts, offered.accepts[2..]);
    }

    #[test]
    fn what_was_written_reads_back() {
        let offered = offer(&["base"]);
        let (dialect, read) = read(&write(&offered, "pay", Some("c")).unwrap()).unwrap();
        assert_eq!(dialect, Dialect::X402_V1);
        assert_eq!((read.accepts, read.error.as_deref()), (offered.accepts, Some("pay")));
        assert_eq!(read.resource.url, "/paid");
    }

    #[test]
    fn a_t402_offer_is_read_and_what_is_no_offer_is_not() {
        let t402 = json!({"t402Version": 1, "accepts": [7, {"scheme": "exact"}], "error": null}).to_string();
        let (dialect, offer) = read(t402.as_bytes()).unwrap();
        assert_eq!((dialect, offer.accepts.len()), (Dialect::T402_V1, 0));
        for body in ["", "[]", "{}", r#"{"x402Version":2,"accepts":[]}"#, r#"{"x402Version":1}"#] {
            assert!(read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
