//! Contract calls: what settles a payment, and what is asked about one.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue, sol};

use crate::{
    contracts::{EXACT_PROXY, MULTICALL3, PERMIT2, UPTO_PROXY},
    payload::{Authorization, Payment, Sponsoring},
    signature::Signature,
    typed::{Domain, Permit2Transfer, TransferAuthorization},
};

sol! {
    function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, uint8 v, bytes32 r, bytes32 s);
    function authorizationState(address authorizer, bytes32 nonce) returns (bool);
    function nonceBitmap(address owner, uint256 word) returns (uint256);
    function DOMAIN_SEPARATOR() returns (bytes32);
    function name() returns (string);
    function version() returns (string);

    struct Permitted { address token; uint256 amount; }
    struct PermitTransfer { Permitted permitted; uint256 nonce; uint256 deadline; }
    struct Allowed { uint256 value; uint256 deadline; bytes32 r; bytes32 s; uint8 v; }
    struct Call3 { address target; bool allowFailure; bytes callData; }

    function aggregate3(Call3[] calls);

    interface Bytewise {
        function transferWithAuthorization(address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce, bytes signature);
    }
    interface Exact {
        struct Witness { address to; uint256 validAfter; }
        function settle(PermitTransfer permit, address owner, Witness witness, bytes signature);
        function settleWithPermit(Allowed allowed, PermitTransfer permit, address owner, Witness witness, bytes signature);
    }
    interface Upto {
        struct Witness { address to; address facilitator; uint256 validAfter; }
        function settle(PermitTransfer permit, uint256 amount, address owner, Witness witness, bytes signature);
        function settleWithPermit(Allowed allowed, PermitTransfer permit, uint256 amount, address owner, Witness witness, bytes signature);
    }

    struct Wrapped { address factory; bytes factoryCall; bytes inner; }
}

/// What ends a signature of an account that is not deployed yet (ERC-6492).
const WRAPPED: [u8; 32] = [
    0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64,
    0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92, 0x64, 0x92,
];

/// A token's transfer by a key's signature; tokens ask accounts with code here too.
const GAS_BY_KEY: u64 = 200_000;
/// A token's transfer by any other signature.
const GAS_BY_CODE: u64 = 600_000;
/// A proxy's settlement.
const GAS_BY_PERMIT2: u64 = 400_000;
/// The deployment of an account; as much again for the transfer that follows it.
const GAS_DEPLOYING: u64 = 1_000_000;

/// One call of a contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContractCall {
    pub(crate) to: Address,
    pub(crate) data: Bytes,
    /// What it may use: simulations have no more than this, so that what verifies does not run out when it settles.
    pub(crate) gas: u64,
}

impl ContractCall {
    /// What a transaction of it may use: its own gas, what its bytes cost (EIP-2028, EIP-7623), and what a simulation finds
    /// warmed up.
    pub(crate) fn limit(&self) -> u64 {
        const BASE: u64 = 21_000;
        const COLD: u64 = 50_000;
        let tokens: u64 = self.data.iter().map(|byte| if *byte == 0 { 1 } else { 4 }).sum();
        let own = if self.data.is_empty() { 0 } else { self.gas + COLD };
        BASE + (own + 4 * tokens).max(10 * tokens)
    }
}

/// A signature, and the deployment that must come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unwrapped {
    pub(crate) inner: Bytes,
    pub(crate) factory: Option<(Address, Bytes)>,
}

/// Takes an ERC-6492 wrapper off; `None` if it is one, but broken.
pub(crate) fn unwrap(signature: &Bytes) -> Option<Unwrapped> {
    let Some(wrapped) = signature.strip_suffix(&WRAPPED[..]) else {
        return Some(Unwrapped { inner: signature.clone(), factory: None });
    };
    let Wrapped { factory, factoryCall, inner } = Wrapped::abi_decode_params(wrapped).ok()?;
    Some(Unwrapped { inner, factory: Some((factory, factoryCall)) })
}

/// The call that settles `payment` for `amount`; for an account that may have to be deployed, both in one. Only its facilitator
/// itself may settle `upto`, so its account must be there.
pub(crate) fn settlement(payment: &Payment, unwrapped: &Unwrapped, amount: U256) -> ContractCall {
    let alone = transfer(payment, &unwrapped.inner, amount);
    let Some((factory, call)) = unwrapped.factory.as_ref().filter(|_| !payment.is_upto()) else { return alone };
    let calls = vec![
        // It fails if the account is there already, which is as good.
        Call3 { target: *factory, allowFailure: true, callData: call.clone() },
        Call3 { target: alone.to, allowFailure: false, callData: alone.data },
    ];
    ContractCall {
        to: MULTICALL3,
        data: aggregate3Call { calls }.abi_encode().into(),
        gas: 2 * GAS_DEPLOYING + 100_000,
    }
}

/// One transaction for several payments: each moves or fails by itself.
pub(crate) fn settlements(payments: &[(&Payment, Unwrapped, U256)]) -> ContractCall {
    if let [(payment, unwrapped, amount)] = payments {
        return settlement(payment, unwrapped, *amount);
    }
    let mut gas = 30_000;
    let calls = payments.iter().map(|(payment, unwrapped, amount)| {
        let call = transfer(payment, &unwrapped.inner, *amount);
        gas += call.gas + 10_000;
        Call3 { target: call.to, allowFailure: true, callData: call.data }
    });
    let calls = calls.collect();
    ContractCall { to: MULTICALL3, data: aggregate3Call { calls }.abi_encode().into(), gas }
}

/// What is simulated of it: the transfer, with the gas that it will have.
pub(crate) fn simulation(payment: &Payment, unwrapped: &Unwrapped, amount: U256) -> ContractCall {
    let alone = transfer(payment, &unwrapped.inner, amount);
    let gas = if unwrapped.factory.is_some() && !payment.is_upto() { GAS_DEPLOYING } else { alone.gas };
    ContractCall { gas, ..alone }
}

/// The transfer alone.
fn transfer(payment: &Payment, signature: &Bytes, amount: U256) -> ContractCall {
    match &payment.authorization {
        Authorization::Transfer(transfer) => by_authorization(payment.asset, transfer, signature),
        Authorization::Permit2(transfer) => by_permit2(payment, transfer, signature, amount),
    }
}

fn by_authorization(asset: Address, of: &TransferAuthorization, signature: &Bytes) -> ContractCall {
    let (from, to, value) = (of.from, of.to, of.value);
    let (after, before, nonce) = (of.valid_after, of.valid_before, of.nonce);
    match Signature::read(signature) {
        Ok(one) => {
            let (v, r, s) = (one.v(), one.r(), one.s());
            let call = transferWithAuthorizationCall {
                from,
                to,
                value,
                validAfter: after,
                validBefore: before,
                nonce,
                v,
                r,
                s,
            };
            ContractCall { to: asset, data: call.abi_encode().into(), gas: GAS_BY_KEY }
        }
        Err(_) => {
            let signature = signature.clone();
            let call = Bytewise::transferWithAuthorizationCall {
                from,
                to,
                value,
                validAfter: after,
                validBefore: before,
                nonce,
                signature,
            };
            ContractCall { to: asset, data: call.abi_encode().into(), gas: GAS_BY_CODE }
        }
    }
}

fn by_permit2(payment: &Payment, of: &Permit2Transfer, signature: &Bytes, amount: U256) -> ContractCall {
    let permit = PermitTransfer {
        permitted: Permitted { token: of.token, amount: of.amount },
        nonce: of.nonce,
        deadline: of.deadline,
    };
    let (owner, signature) = (payment.payer, canonical(payment, of, signature));
    let (to, valid_after) = (of.witness.to, of.witness.valid_after);
    let allowed = payment.sponsoring.as_ref().and_then(allowed);
    let (proxy, data) = match (of.witness.facilitator, allowed) {
        (None, None) => {
            let witness = Exact::Witness { to, validAfter: valid_after };
            (EXACT_PROXY, Exact::settleCall { permit, owner, witness, signature }.abi_encode())
        }
        (None, Some(allowed)) => {
            let witness = Exact::Witness { to, validAfter: valid_after };
            (EXACT_PROXY, Exact::settleWithPermitCall { allowed, permit, owner, witness, signature }.abi_encode())
        }
        (Some(facilitator), None) => {
            let witness = Upto::Witness { to, facilitator, validAfter: valid_after };
            (UPTO_PROXY, Upto::settleCall { permit, amount, owner, witness, signature }.abi_encode())
        }
        (Some(facilitator), Some(allowed)) => {
            let witness = Upto::Witness { to, facilitator, validAfter: valid_after };
            (UPTO_PROXY, Upto::settleWithPermitCall { allowed, permit, amount, owner, witness, signature }.abi_encode())
        }
    };
    ContractCall { to: proxy, data: data.into(), gas: GAS_BY_PERMIT2 }
}

/// Permit2 knows no other last byte of a key's signature than 27 and 28. What is no key's signature stays as it is.
fn canonical(payment: &Payment, of: &Permit2Transfer, signature: &Bytes) -> Bytes {
    if !matches!(signature.last(), Some(0 | 1)) {
        return signature.clone();
    }
    match Signature::read(signature) {
        Ok(one) if one.recover(of.digest(&Domain::permit2(payment.chain))) == Ok(payment.payer) => one.bytes().into(),
        _ => signature.clone(),
    }
}

fn allowed(sponsoring: &Sponsoring) -> Option<Allowed> {
    let signature = Signature::read(&sponsoring.signature).ok()?;
    let (value, deadline) = (sponsoring.permit.value, sponsoring.permit.deadline);
    Some(Allowed { value, deadline, r: signature.r(), s: signature.s(), v: signature.v() })
}

/// Whether a transaction that calls `to` with `input` settles this very Permit2 payment, and nothing else.
pub(crate) fn settles_permit2(payment: &Payment, of: &Permit2Transfer, to: Address, input: &[u8]) -> bool {
    let Some((selector, parameters)) = input.split_first_chunk::<4>() else { return false };
    let found = match (of.witness.facilitator, *selector) {
        (None, Exact::settleCall::SELECTOR) if to == EXACT_PROXY => {
            Exact::settleCall::abi_decode_raw(parameters).map(|call| (call.permit, call.owner)).ok()
        }
        (None, Exact::settleWithPermitCall::SELECTOR) if to == EXACT_PROXY => {
            Exact::settleWithPermitCall::abi_decode_raw(parameters).map(|call| (call.permit, call.owner)).ok()
        }
        (Some(_), Upto::settleCall::SELECTOR) if to == UPTO_PROXY => {
            Upto::settleCall::abi_decode_raw(parameters).map(|call| (call.permit, call.owner)).ok()
        }
        (Some(_), Upto::settleWithPermitCall::SELECTOR) if to == UPTO_PROXY => {
            Upto::settleWithPermitCall::abi_decode_raw(parameters).map(|call| (call.permit, call.owner)).ok()
        }
        _ => None,
    };
    found.is_some_and(|(permit, owner)| owner == payment.payer && permit.nonce == of.nonce)
}

/// The view that says whether the payment's nonce has been used, and the bit of its answer that does.
pub(crate) fn nonce_state(payment: &Payment) -> (Address, Bytes, U256) {
    match &payment.authorization {
        Authorization::Transfer(transfer) => {
            let call = authorizationStateCall { authorizer: transfer.from, nonce: transfer.nonce };
            (payment.asset, call.abi_encode().into(), U256::from(1))
        }
        Authorization::Permit2(transfer) => {
            let call = nonceBitmapCall { owner: payment.payer, word: transfer.nonce >> 8 };
            (PERMIT2, call.abi_encode().into(), U256::from(1) << usize::from(transfer.nonce.byte(0)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_the_published_ones() {
        let selectors = [
            (transferWithAuthorizationCall::SELECTOR, 0xe3ee_160e_u32),
            (Bytewise::transferWithAuthorizationCall::SELECTOR, 0xcf09_2995),
            (authorizationStateCall::SELECTOR, 0xe94a_0102),
            (Exact::settleCall::SELECTOR, 0x13cd_3b53),
            (Exact::settleWithPermitCall::SELECTOR, 0xfa34_0378),
            (Upto::settleCall::SELECTOR, 0xff11_e7b4),
            (Upto::settleWithPermitCall::SELECTOR, 0x016c_1748),
            (aggregate3Call::SELECTOR, 0x82ad_56cb),
        ];
        for (is, published) in selectors {
            assert_eq!(is, published.to_be_bytes());
        }
    }

    #[test]
    fn a_broken_wrapper_is_no_signature() {
        assert!(unwrap(&Bytes::from(WRAPPED)).is_none());
        let good = Wrapped { factory: PERMIT2, factoryCall: Bytes::from([1]), inner: Bytes::from([2; 65]) };
        let wrapped: Bytes = [&good.abi_encode_params()[..], &WRAPPED].concat().into();
        let taken_off = unwrap(&wrapped).unwrap();
        assert_eq!(taken_off, Unwrapped { inner: Bytes::from([2; 65]), factory: Some((PERMIT2, Bytes::from([1]))) });
    }
}
