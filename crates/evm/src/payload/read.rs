//! From the payload's JSON to a [`Payment`]. Shape alone is read here; whether it is what was asked comes after.

use farebox_x402::{Refusal, Requirements};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    Authorization, EIP2612_EXTENSION, Payment, Sponsoring, TokenDomain,
    number::{self, Number},
};
use crate::{
    refusal::{refuse, refused},
    typed::{Permit, Permit2Transfer, TransferAuthorization, Witness},
};

/// Longer names and versions of tokens are refused: they are remembered.
const MAX_NAME: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    signature: Option<String>,
    authorization: Option<TransferWire>,
    permit2_authorization: Option<Permit2Wire>,
    delegation_manager: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TransferWire {
    from: String,
    to: String,
    value: String,
    valid_after: Number,
    valid_before: Number,
    nonce: String,
}

#[derive(Deserialize)]
struct Permit2Wire {
    permitted: PermittedWire,
    from: String,
    spender: String,
    nonce: String,
    deadline: Number,
    witness: WitnessWire,
}

#[derive(Deserialize)]
struct PermittedWire {
    token: String,
    amount: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WitnessWire {
    to: String,
    #[serde(default)]
    facilitator: Option<String>,
    valid_after: Number,
}

#[derive(Deserialize)]
struct SponsoringWire {
    from: String,
    asset: String,
    spender: String,
    amount: String,
    nonce: String,
    deadline: Number,
    signature: String,
}

impl Payment {
    /// Reads the scheme's payload, in the form that its members show, for what was asked.
    ///
    /// # Errors
    /// A refusal with the wire's code for a payload of another shape, and for a network that is no EVM chain.
    pub fn read(
        payload: &Value,
        extensions: Option<&Map<String, Value>>,
        requirements: &Requirements,
    ) -> Result<Self, Refusal> {
        let chain = chain_of(&requirements.network)?;
        let asset = number::address(&requirements.asset)
            .ok_or_else(|| refused("invalid_payment_requirements", "the asset is not an address"))?;
        let token_domain = match (requirements.extra_text("name"), requirements.extra_text("version")) {
            (Some(name), Some(version)) if name.len().max(version.len()) > MAX_NAME => {
                return refuse("invalid_payment_requirements", "extra.name or extra.version is too long");
            }
            (Some(name), Some(version)) => Some(TokenDomain { name: name.into(), version: version.into() }),
            _ => None,
        };
        let malformed = |what: &str| refused("invalid_payload", format!("{what} is missing or malformed"));
        let wire = wire(payload)?;
        if wire.delegation_manager.is_some() {
            return refuse("unsupported_scheme", "ERC-7710 delegations are not supported");
        }
        let signature = wire.signature.as_deref().and_then(number::signature);
        let signature = signature.ok_or_else(|| malformed("signature"))?;
        let (payer, authorization) = match (wire.authorization, wire.permit2_authorization) {
            (Some(wire), None) => transfer(&wire).map_err(malformed)?,
            (None, Some(wire)) => {
                let malformed = |what: &str| refused("invalid_permit2_payload_format", format!("{what} is malformed"));
                permit2(&wire).map_err(malformed)?
            }
            _ => return refuse("invalid_payload", "one of authorization and permit2Authorization must be there"),
        };
        let sponsoring = sponsoring(extensions)?;
        Ok(Self { chain, asset, payer, authorization, signature, sponsoring, token_domain })
    }
}

/// The payload's members. None of its objects may come as a list of what would be in it.
fn wire(payload: &Value) -> Result<Payload, Refusal> {
    const LISTS: [&str; 5] = [
        "",
        "/authorization",
        "/permit2Authorization",
        "/permit2Authorization/permitted",
        "/permit2Authorization/witness",
    ];
    let permit2 = payload.get("permit2Authorization").is_some_and(|one| !one.is_null());
    let code = if permit2 { "invalid_permit2_payload_format" } else { "invalid_payload" };
    if LISTS.iter().any(|place| payload.pointer(place).is_some_and(Value::is_array)) {
        return refuse(code, "a list is where an object should be");
    }
    Payload::deserialize(payload).map_err(|error| refused(code, error.to_string()))
}

fn chain_of(network: &str) -> Result<u64, Refusal> {
    let reference = network.strip_prefix("eip155:").filter(|text| !text.is_empty() && !text.starts_with('0'));
    let digits = reference.filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).ok_or_else(|| {
        refused("invalid_network", format!("`{}` is not an EVM chain", network.chars().take(64).collect::<String>()))
    })
}

type Read = Result<(alloy_primitives::Address, Authorization), &'static str>;

fn transfer(wire: &TransferWire) -> Read {
    let transfer = TransferAuthorization {
        from: number::address(&wire.from).ok_or("authorization.from")?,
        to: number::address(&wire.to).ok_or("authorization.to")?,
        value: number::decimal(&wire.value).ok_or("authorization.value")?,
        valid_after: wire.valid_after.read().ok_or("authorization.validAfter")?,
        valid_before: wire.valid_before.read().ok_or("authorization.validBefore")?,
        nonce: number::word(&wire.nonce).ok_or("authorization.nonce")?,
    };
    Ok((transfer.from, Authorization::Transfer(transfer)))
}

fn permit2(wire: &Permit2Wire) -> Read {
    let facilitator = match &wire.witness.facilitator {
        Some(text) => Some(number::address(text).ok_or("witness.facilitator")?),
        None => None,
    };
    let transfer = Permit2Transfer {
        token: number::address(&wire.permitted.token).ok_or("permitted.token")?,
        amount: number::decimal(&wire.permitted.amount).ok_or("permitted.amount")?,
        spender: number::address(&wire.spender).ok_or("spender")?,
        nonce: number::decimal_or_hex(&wire.nonce).ok_or("nonce")?,
        deadline: wire.deadline.read().ok_or("deadline")?,
        witness: Witness {
            to: number::address(&wire.witness.to).ok_or("witness.to")?,
            facilitator,
            valid_after: wire.witness.valid_after.read().ok_or("witness.validAfter")?,
        },
    };
    Ok((number::address(&wire.from).ok_or("from")?, Authorization::Permit2(transfer)))
}

/// The EIP-2612 permit that may come along.
fn sponsoring(extensions: Option<&Map<String, Value>>) -> Result<Option<Sponsoring>, Refusal> {
    let Some(info) = extensions.and_then(|all| all.get(EIP2612_EXTENSION)).and_then(|one| one.get("info")) else {
        return Ok(None);
    };
    // A server's advertisement, echoed as it was, has no signature: nothing was signed.
    if info.get("signature").is_none() {
        return Ok(None);
    }
    let bad = |what: &str| refused("invalid_eip2612_extension_format", format!("{what} is malformed"));
    let wire = SponsoringWire::deserialize(info).map_err(|error| bad(&error.to_string()))?;
    let permit = Permit {
        owner: number::address(&wire.from).ok_or_else(|| bad("from"))?,
        spender: number::address(&wire.spender).ok_or_else(|| bad("spender"))?,
        value: number::decimal(&wire.amount).ok_or_else(|| bad("amount"))?,
        nonce: number::decimal(&wire.nonce).ok_or_else(|| bad("nonce"))?,
        deadline: wire.deadline.read().ok_or_else(|| bad("deadline"))?,
    };
    let signature = number::signature(&wire.signature).filter(|bytes| bytes.len() == 65);
    Ok(Some(Sponsoring {
        permit,
        asset: number::address(&wire.asset).ok_or_else(|| bad("asset"))?,
        signature: signature.ok_or_else(|| bad("signature"))?,
    }))
}
