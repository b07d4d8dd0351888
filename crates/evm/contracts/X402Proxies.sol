// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.28;

import {IToken, Permit2, PermitTransferFrom, SignatureTransferDetails} from "./Permit2.sol";

struct Eip2612 {
    uint256 value;
    uint256 deadline;
    bytes32 r;
    bytes32 s;
    uint8 v;
}

abstract contract X402Proxy {
    error InvalidDestination();
    error InvalidOwner();
    error PaymentTooEarly();
    error InvalidAmount();
    error Permit2612AmountMismatch();

    address internal constant PERMIT2 = 0x000000000022D473030F116dDEE9F6B43aC78BA3;

    function _allow(Eip2612 calldata allowed, PermitTransferFrom calldata permit, address owner) internal {
        if (allowed.value != permit.permitted.amount) revert Permit2612AmountMismatch();
        // Somebody may have brought the allowance in before: what counts is whether the transfer goes through.
        try IToken(permit.permitted.token).permit(
            owner, PERMIT2, allowed.value, allowed.deadline, allowed.v, allowed.r, allowed.s
        ) {} catch {}
    }

    function _check(address owner, address to, uint256 validAfter, uint256 amount) internal view {
        if (owner == address(0)) revert InvalidOwner();
        if (to == address(0)) revert InvalidDestination();
        if (block.timestamp < validAfter) revert PaymentTooEarly();
        if (amount == 0) revert InvalidAmount();
    }
}

/// Takes a Permit2 transfer to the payee that its payer named, in full.
contract X402ExactPermit2Proxy is X402Proxy {
    struct Witness {
        address to;
        uint256 validAfter;
    }

    string private constant WITNESS =
        "Witness witness)TokenPermissions(address token,uint256 amount)Witness(address to,uint256 validAfter)";

    function settle(PermitTransferFrom calldata permit, address owner, Witness calldata witness, bytes calldata signature)
        external
    {
        _settle(permit, owner, witness, signature);
    }

    function settleWithPermit(
        Eip2612 calldata allowed,
        PermitTransferFrom calldata permit,
        address owner,
        Witness calldata witness,
        bytes calldata signature
    ) external {
        _allow(allowed, permit, owner);
        _settle(permit, owner, witness, signature);
    }

    function _settle(
        PermitTransferFrom calldata permit,
        address owner,
        Witness calldata witness,
        bytes calldata signature
    ) private {
        _check(owner, witness.to, witness.validAfter, permit.permitted.amount);
        bytes32 hash =
            keccak256(abi.encode(keccak256("Witness(address to,uint256 validAfter)"), witness.to, witness.validAfter));
        Permit2(PERMIT2).permitWitnessTransferFrom(
            permit, SignatureTransferDetails(witness.to, permit.permitted.amount), owner, hash, WITNESS, signature
        );
    }
}

/// Takes a Permit2 transfer to the payee that its payer named, up to its amount; only the facilitator that the payer named may.
contract X402UptoPermit2Proxy is X402Proxy {
    error AmountExceedsPermitted();
    error UnauthorizedFacilitator();

    struct Witness {
        address to;
        address facilitator;
        uint256 validAfter;
    }

    bytes32 private constant WITNESS_TYPEHASH =
        keccak256("Witness(address to,address facilitator,uint256 validAfter)");
    string private constant WITNESS =
        "Witness witness)TokenPermissions(address token,uint256 amount)Witness(address to,address facilitator,uint256 validAfter)";

    function settle(
        PermitTransferFrom calldata permit,
        uint256 amount,
        address owner,
        Witness calldata witness,
        bytes calldata signature
    ) external {
        _settle(permit, amount, owner, witness, signature);
    }

    function settleWithPermit(
        Eip2612 calldata allowed,
        PermitTransferFrom calldata permit,
        uint256 amount,
        address owner,
        Witness calldata witness,
        bytes calldata signature
    ) external {
        _allow(allowed, permit, owner);
        _settle(permit, amount, owner, witness, signature);
    }

    function _settle(
        PermitTransferFrom calldata permit,
        uint256 amount,
        address owner,
        Witness calldata witness,
        bytes calldata signature
    ) private {
        if (msg.sender != witness.facilitator) revert UnauthorizedFacilitator();
        if (amount > permit.permitted.amount) revert AmountExceedsPermitted();
        _check(owner, witness.to, witness.validAfter, amount);
        bytes32 hash = keccak256(abi.encode(WITNESS_TYPEHASH, witness.to, witness.facilitator, witness.validAfter));
        Permit2(PERMIT2).permitWitnessTransferFrom(
            permit, SignatureTransferDetails(witness.to, amount), owner, hash, WITNESS, signature
        );
    }
}
