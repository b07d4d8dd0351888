//! Payments and requirements as any client writes them: both families, both versions, and the mixture of them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::PaymentPayload;
use crate::{
    BadRequest, Dialect, Family, Requirements, Resource, Version,
    member::{Member, shape},
    networks,
};

/// Schemes, networks.
const SHORT: usize = 64;
/// Addresses.
const LONG: usize = 256;
/// Addresses of resources.
const URL: usize = 8 * 1024;
/// What a payment may take when nobody says.
const DEFAULT_TIMEOUT: u64 = 300;

/// The version members of one level.
#[derive(Default, Clone, Copy)]
pub(crate) struct Versions<'a> {
    pub(crate) x402: Option<&'a RawValue>,
    pub(crate) t402: Option<&'a RawValue>,
}

impl Versions<'_> {
    /// `None` where neither is given.
    pub(crate) fn dialect(self, object: &str) -> Result<Option<Dialect>, BadRequest> {
        let read = |raw, family: Family| -> Result<Option<Dialect>, BadRequest> {
            let member = Member::new(raw, object, family.version_member());
            let Some(number) = member.get::<u64>("is not 1 or 2")? else { return Ok(None) };
            let version = Version::from_number(number).ok_or_else(|| member.bad("is not 1 or 2"))?;
            Ok(Some(Dialect { family, version }))
        };
        let (x402, t402) = (read(self.x402, Family::X402)?, read(self.t402, Family::T402)?);
        if let (Some(one), Some(other)) = (x402, t402)
            && one.version != other.version
        {
            return Err(Member::new(None, object, "x402Version").bad("differs from t402Version"));
        }
        Ok(x402.or(t402))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PayloadShape<'a> {
    #[serde(borrow, default)]
    x402_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    t402_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    scheme: Option<&'a RawValue>,
    #[serde(borrow, default)]
    network: Option<&'a RawValue>,
    #[serde(borrow, default)]
    accepted: Option<&'a RawValue>,
    #[serde(borrow, default)]
    payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default)]
    extensions: Option<&'a RawValue>,
}

/// `outer` is what the message around it says: it counts where the payment itself says nothing.
pub(crate) fn payload(raw: &RawValue, object: &str, outer: Versions<'_>) -> Result<PaymentPayload, BadRequest> {
    let it: PayloadShape<'_> = shape(raw, object)?;
    let member = |raw, name| Member::new(raw, object, name);
    let inner = Versions { x402: it.x402_version, t402: it.t402_version }.dialect(object)?;
    let dialect = match inner {
        Some(dialect) => dialect,
        None => outer.dialect("")?.ok_or_else(|| member(None, "x402Version").bad("is missing"))?,
    };
    let accepted = member(it.accepted, "accepted");
    let (scheme, network, accepted) = match dialect.version {
        // What a version 2 payment pays stands in `accepted`; some clients write only its scheme and network.
        Version::V2 if accepted.is_present() || it.scheme.is_none() => {
            let accepted = requirements(accepted.needed_object()?, &path(object, "accepted"))?.requirements;
            (accepted.scheme.clone(), accepted.network.clone(), Some(accepted))
        }
        _ => (member(it.scheme, "scheme").needed_text(SHORT)?, network(member(it.network, "network"))?, None),
    };
    let payload = member(it.payload, "payload").needed_object()?.to_owned();
    let resource = resource(member(it.resource, "resource"))?;
    let extensions = member(it.extensions, "extensions").map()?;
    Ok(PaymentPayload { dialect, scheme, network, accepted, payload, resource, extensions })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequirementsShape<'a> {
    #[serde(borrow, default)]
    scheme: Option<&'a RawValue>,
    #[serde(borrow, default)]
    network: Option<&'a RawValue>,
    #[serde(borrow, default)]
    amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    max_amount_required: Option<&'a RawValue>,
    #[serde(borrow, default)]
    asset: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pay_to: Option<&'a RawValue>,
    #[serde(borrow, default)]
    max_timeout_seconds: Option<&'a RawValue>,
    #[serde(borrow, default)]
    extra: Option<&'a RawValue>,
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default)]
    description: Option<&'a RawValue>,
    #[serde(borrow, default)]
    mime_type: Option<&'a RawValue>,
}

/// Requirements, and the resource that version 1 writes into them.
pub(crate) struct ReadRequirements {
    pub(crate) requirements: Requirements,
    pub(crate) resource: Option<Resource>,
}

pub(crate) fn requirements(raw: &RawValue, object: &str) -> Result<ReadRequirements, BadRequest> {
    let it: RequirementsShape<'_> = shape(raw, object)?;
    let member = |raw, name| Member::new(raw, object, name);
    let timeout = member(it.max_timeout_seconds, "maxTimeoutSeconds");
    let max_timeout_seconds = timeout.get("is not a whole number of seconds")?.unwrap_or(DEFAULT_TIMEOUT);
    if max_timeout_seconds == 0 {
        return Err(timeout.bad("is not above 0"));
    }
    let requirements = Requirements {
        scheme: member(it.scheme, "scheme").needed_text(SHORT)?,
        network: network(member(it.network, "network"))?,
        amount: amount(member(it.amount, "amount"), member(it.max_amount_required, "maxAmountRequired"))?,
        asset: member(it.asset, "asset").needed_text(LONG)?,
        pay_to: member(it.pay_to, "payTo").needed_text(LONG)?,
        max_timeout_seconds,
        extra: member(it.extra, "extra").map()?,
    };
    // A version 2 message has its resource elsewhere, and in another shape.
    let resource = member(it.resource, "resource").text(URL).ok().flatten().map(|url| Resource {
        url,
        description: member(it.description, "description").text(URL).ok().flatten(),
        mime_type: member(it.mime_type, "mimeType").text(LONG).ok().flatten(),
    });
    Ok(ReadRequirements { requirements, resource })
}

/// `amount`, or what version 1 calls it; both may stand there if they agree.
fn amount(amount: Member<'_>, older: Member<'_>) -> Result<farebox_types::AtomicAmount, BadRequest> {
    let read = |member: Member<'_>| -> Result<Option<farebox_types::AtomicAmount>, BadRequest> {
        let Some(text) = member.text(SHORT + LONG)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| member.bad("is not a decimal number below 2^256, as text"))
    };
    match (read(amount)?, read(older)?) {
        (Some(one), Some(other)) if one != other => Err(amount.bad("differs from maxAmountRequired")),
        (one, other) => one.or(other).ok_or_else(|| amount.bad("is missing")),
    }
}

fn network(member: Member<'_>) -> Result<String, BadRequest> {
    let name = member.needed_text(SHORT)?;
    let known = networks::resolve(&name).map(std::borrow::Cow::into_owned);
    known.ok_or_else(|| member.bad("is neither a CAIP-2 name nor a short name that is known"))
}

/// An object, or the bare address of version 1.
fn resource(member: Member<'_>) -> Result<Option<Resource>, BadRequest> {
    if !member.is_present() {
        return Ok(None);
    }
    let bare = |url| Resource { url, description: None, mime_type: None };
    match member.text(URL) {
        Ok(url) => Ok(url.map(bare)),
        Err(_) => member.get("is not an object with a url"),
    }
}

fn path(object: &str, name: &str) -> String {
    if object.is_empty() { name.to_owned() } else { format!("{object}.{name}") }
}
