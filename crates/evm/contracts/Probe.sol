// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.28;

/// What verifying a payment asks of a chain, for many payments in one `eth_call` without `to`: its constructor is run and its
/// answer read; nothing is ever deployed.
///
/// Each item runs in the constructor of a child that reverts with its findings, so that no item sees what another's simulation
/// has changed.
contract Probe {
    struct Item {
        /// The token.
        address asset;
        /// Who pays.
        address payer;
        /// Whether the payer's allowance for `spender` is asked.
        address spender;
        /// A view that answers whether the nonce has been used: a word that is `usedMask`-ed.
        address nonceTarget;
        bytes nonceCall;
        uint256 usedMask;
        /// What an account with code is asked to confirm (EIP-1271).
        bytes32 digest;
        bytes signature;
        /// A call that comes first, to deploy the payer's account (ERC-6492); none if the address is zero.
        address factory;
        bytes factoryCall;
        /// The settlement.
        address target;
        bytes call;
    }

    constructor(Item[] memory items, uint256 gasEach) {
        bytes[] memory findings = new bytes[](items.length);
        for (uint256 i = 0; i < items.length; i++) {
            bytes memory code = abi.encodePacked(type(ProbeItem).creationCode, abi.encode(items[i], gasEach));
            assembly {
                pop(create(0, add(code, 32), mload(code)))
                let size := returndatasize()
                if gt(size, 1024) { size := 1024 }
                let finding := mload(0x40)
                mstore(0x40, add(finding, add(size, 63)))
                mstore(finding, size)
                returndatacopy(add(finding, 32), 0, size)
                mstore(add(findings, mul(32, add(i, 1))), finding)
            }
        }
        bytes memory answer = abi.encode(findings);
        assembly {
            return(add(answer, 32), mload(answer))
        }
    }
}

contract ProbeItem {
    /// Answers longer than this are cut.
    uint256 private constant MOST = 288;
    /// For one view of a token.
    uint256 private constant VIEW_GAS = 300000;

    constructor(Probe.Item memory item, uint256 gasEach) {
        // What others have burnt must not look like a finding: without enough gas for everything there is none.
        uint256 runs = item.factory == address(0) ? 2 : 3;
        if (gasleft() * 63 / 64 < 3 * VIEW_GAS + runs * gasEach + 100000) revert();
        uint256 codeSize = item.payer.code.length;
        uint256 flags;
        if (item.asset.code.length > 0) flags |= 1;
        (bool ok, uint256 word) = _word(item.nonceTarget, item.nonceCall, VIEW_GAS);
        if (ok) flags |= 2;
        if (ok && word & item.usedMask != 0) flags |= 4;
        uint256 balance;
        (ok, balance) = _word(item.asset, abi.encodeWithSignature("balanceOf(address)", item.payer), VIEW_GAS);
        if (ok) flags |= 8;
        uint256 allowance;
        if (item.spender != address(0)) {
            (ok, allowance) = _word(
                item.asset, abi.encodeWithSignature("allowance(address,address)", item.payer, item.spender), VIEW_GAS
            );
            if (ok) flags |= 16;
        }
        if (codeSize > 0) {
            bytes memory question =
                abi.encodeWithSignature("isValidSignature(bytes32,bytes)", item.digest, item.signature);
            (ok, word) = _word(item.payer, question, gasEach);
            if (ok && bytes4(bytes32(word)) == bytes4(0x1626ba7e)) flags |= 32;
        }
        if (item.factory != address(0)) _run(item.factory, item.factoryCall, gasEach);
        bytes memory reverted;
        (ok, reverted) = _run(item.target, item.call, gasEach);
        if (ok) flags |= 64;
        bytes memory finding = abi.encode(codeSize, flags, balance, allowance, reverted);
        assembly {
            revert(add(finding, 32), mload(finding))
        }
    }

    /// The first word of a view's answer, if it has one.
    function _word(address target, bytes memory data, uint256 most) private view returns (bool ok, uint256 word) {
        assembly {
            ok := staticcall(most, target, add(data, 32), mload(data), 0, 32)
            ok := and(ok, gt(returndatasize(), 31))
            if ok { word := mload(0) }
        }
    }

    /// A call, and the beginning of what it reverted with.
    function _run(address target, bytes memory data, uint256 gasEach) private returns (bool ok, bytes memory reverted) {
        assembly {
            ok := call(gasEach, target, 0, add(data, 32), mload(data), 0, 0)
            reverted := mload(0x40)
            let size := 0
            if iszero(ok) {
                size := returndatasize()
                if gt(size, MOST) { size := MOST }
            }
            mstore(reverted, size)
            returndatacopy(add(reverted, 32), 0, size)
            mstore(0x40, add(reverted, add(size, 63)))
        }
    }
}
