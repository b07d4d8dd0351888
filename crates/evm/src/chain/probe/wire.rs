//! The probe contract's question and answer: see `contracts/Probe.sol`.

use std::sync::LazyLock;

use alloy_primitives::{Bytes, U256};
use alloy_sol_types::{SolValue, sol};
use serde_json::json;

use super::{Asked, Found, Question};
use crate::chain::{
    Fault,
    quantity::{HexBytes, hex_bytes},
    rpc::{Answer, Call, read, unreadable},
};

sol! {
    struct Item {
        address asset;
        address payer;
        address spender;
        address nonceTarget;
        bytes nonceCall;
        uint256 usedMask;
        bytes32 digest;
        bytes signature;
        address factory;
        bytes factoryCall;
        address target;
        bytes call;
    }
    struct Finding {
        uint256 codeSize;
        uint256 flags;
        uint256 balance;
        uint256 allowance;
        bytes reverted;
    }
}

pub(super) const CALL: &str = "eth_call";
/// Creation code may be this long (EIP-3860).
const MAX_CODE: usize = 49_152;
/// An item's words, its offset, and the lengths and paddings of its bytes.
const ITEM: usize = (12 + 1 + 2 * 4) * 32;
/// A finding is cut to 1,024 bytes; this is with its offset, length and padding.
const FINDING: usize = 1_024 + 3 * 32;

static CODE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    // Written by our own build, and checked against its source by the tests.
    hex::decode(include_str!("../../../contracts/artifacts/Probe.creation.hex").trim()).unwrap_or_default()
});

/// The questions of one call: all have the same gas, and the call's code is not too long.
struct Part {
    gas: u64,
    room: usize,
    asked: Vec<Asked>,
}

/// Splits what is asked into as few calls as can be; one that is too long by itself is left to the node.
pub(super) fn parts(batch: Vec<Asked>) -> Vec<Vec<Asked>> {
    let most = MAX_CODE.saturating_sub(CODE.len() + 4 * 32);
    let mut parts: Vec<Part> = Vec::new();
    for asked in batch {
        let (gas, length) = (asked.0.simulate.gas, asked.0.length());
        match parts.iter_mut().find(|part| part.gas == gas && part.room >= length) {
            Some(part) => {
                part.room -= length;
                part.asked.push(asked);
            }
            None => parts.push(Part { gas, room: most.saturating_sub(length), asked: vec![asked] }),
        }
    }
    parts.into_iter().map(|part| part.asked).collect()
}

/// The call that asks a part.
pub(super) fn call(part: &[Asked]) -> Call {
    let items: Vec<Item> = part.iter().map(|(question, _)| question.item()).collect();
    let gas = part.first().map_or(0, |(question, _)| question.simulate.gas);
    let mut data = CODE.clone();
    data.extend((items, U256::from(gas)).abi_encode_params());
    Call { method: CALL, params: json!([{"data": hex_bytes(&data)}, "latest"]) }
}

/// What was found about each of `asked` questions.
pub(super) fn findings(answer: Answer, asked: usize) -> Vec<Result<Found, Fault>> {
    let every = |fault: Fault| vec![Err(fault); asked];
    let answer = match read(CALL, answer) {
        Ok(HexBytes(answer)) => answer,
        Err(fault) => return every(fault),
    };
    // Offsets may point anywhere, many at the same bytes: a short answer stays short however it is read.
    if answer.len() > 2 * 32 + asked * FINDING {
        return every(unreadable(CALL, "the findings are too long"));
    }
    match Vec::<Bytes>::abi_decode(&answer) {
        Ok(findings) if findings.len() == asked => findings.iter().map(finding).collect(),
        Ok(_) => every(unreadable(CALL, "another number of findings")),
        Err(error) => every(unreadable(CALL, error)),
    }
}

fn finding(bytes: &Bytes) -> Result<Found, Fault> {
    let finding = Finding::abi_decode_params(bytes).map_err(|_| unreadable(CALL, "there is no finding"))?;
    let flag = |bit: usize| finding.flags.bit(bit);
    Ok(Found {
        payer_has_code: !finding.codeSize.is_zero(),
        asset_has_code: flag(0),
        used: flag(1).then(|| flag(2)),
        balance: flag(3).then_some(finding.balance),
        allowance: flag(4).then_some(finding.allowance),
        confirmed: flag(5),
        simulated: flag(6),
        reverted: finding.reverted,
    })
}

impl Question {
    /// In the call's code, at most.
    fn length(&self) -> usize {
        let factory = self.factory.as_ref().map_or(0, |(_, call)| call.len());
        ITEM + self.nonce.1.len() + self.signature.len() + factory + self.simulate.data.len()
    }

    fn item(&self) -> Item {
        let (factory, factory_call) = self.factory.clone().unwrap_or_default();
        Item {
            asset: self.asset,
            payer: self.payer,
            spender: self.spender.unwrap_or_default(),
            nonceTarget: self.nonce.0,
            nonceCall: self.nonce.1.clone(),
            usedMask: self.nonce.2,
            digest: self.digest,
            signature: self.signature.clone(),
            factory,
            factoryCall: factory_call,
            target: self.simulate.to,
            call: self.simulate.data.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256};

    use super::*;
    use crate::chain::calls::ContractCall;

    fn asked(gas: u64, signature: usize) -> Asked {
        let question = Question {
            asset: Address::ZERO,
            payer: Address::ZERO,
            spender: None,
            nonce: (Address::ZERO, Bytes::from([0; 68]), U256::ONE),
            digest: B256::ZERO,
            signature: vec![1; signature].into(),
            factory: None,
            simulate: ContractCall { to: Address::ZERO, data: vec![1; 260 + signature].into(), gas },
        };
        (question, tokio::sync::oneshot::channel().0)
    }

    fn bytes(call: &Call) -> usize {
        call.params[0]["data"].as_str().map_or(0, |text| (text.len() - 2) / 2)
    }

    #[test]
    fn usual_payments_go_together_and_long_ones_do_not_make_a_call_too_long() {
        let usual = parts((0..24).map(|_| asked(200_000, 65)).collect());
        assert_eq!(usual.iter().map(Vec::len).collect::<Vec<_>>(), [24]);
        let long = parts((0..24).map(|at| asked(200_000, if at % 2 == 0 { 8_192 } else { 65 })).collect());
        assert!(long.len() > 1);
        assert_eq!(long.iter().map(Vec::len).sum::<usize>(), 24);
        for part in &long {
            assert!(bytes(&call(part)) <= MAX_CODE, "{}", bytes(&call(part)));
        }
    }

    #[test]
    fn payments_of_different_gas_are_simulated_apart() {
        let parts = parts(vec![asked(1, 65), asked(2, 65), asked(1, 65)]);
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    }

    fn answered(bytes: &[u8], asked: usize) -> Vec<Result<Found, Fault>> {
        let text = serde_json::to_string(&hex_bytes(bytes)).unwrap();
        findings(Ok(serde_json::value::RawValue::from_string(text).unwrap()), asked)
    }

    #[test]
    fn an_item_without_a_finding_spoils_no_other() {
        let good = Finding {
            codeSize: U256::ZERO,
            flags: U256::from(0b100_1011),
            balance: U256::ONE,
            allowance: U256::ZERO,
            reverted: Bytes::new(),
        };
        let both: Vec<Bytes> = vec![good.abi_encode_params().into(), Bytes::new()];
        let found = answered(&both.abi_encode(), 2);
        let good = found[0].as_ref().unwrap();
        assert!(
            good.simulated && good.used == Some(false) && good.balance == Some(U256::ONE) && good.allowance.is_none()
        );
        assert!(found[1].is_err());
    }

    #[test]
    fn findings_that_cannot_be_are_faults() {
        let some: Vec<Bytes> = vec![Bytes::new(); 3];
        let huge = [&U256::from(32).to_be_bytes::<32>()[..], &U256::MAX.to_be_bytes::<32>()].concat();
        // A hundred thousand findings, all of them the whole answer.
        let mut bomb = [U256::from(32).to_be_bytes::<32>(), U256::from(100_000).to_be_bytes::<32>()].concat();
        (0..100_000).for_each(|_| bomb.extend(U256::ZERO.to_be_bytes::<32>()));
        for bytes in [vec![], vec![0; 31], vec![0; 64], vec![0xff; 320], some.abi_encode(), huge, bomb] {
            let found = answered(&bytes, 2);
            assert!(found.len() == 2 && found.iter().all(Result::is_err));
        }
    }
}
