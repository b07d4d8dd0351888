"""The t402 facilitator client: both versions and their mixture, and settle under an idempotency key."""

import asyncio
import os
import pathlib
import secrets
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import journey
from eth_account import Account
from t402.facilitator import FacilitatorClient
from t402.types import PaymentPayloadV1, PaymentPayloadV2, PaymentRequirementsV1, PaymentRequirementsV2

PRICE = "10000"
CHAIN = 84532
TOKEN = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
EXTRA = {"name": "USDC", "version": "2"}
SELLER = os.environ["PAY_TO"]
FIELDS = {"from": "address", "to": "address", "value": "uint256", "validAfter": "uint256", "validBefore": "uint256", "nonce": "bytes32"}

account = Account.from_key(journey.key())
client = FacilitatorClient({"url": os.environ["FACILITATOR"]})


def signed():
    now = int(time.time())
    message = {"from": account.address, "to": SELLER, "value": int(PRICE), "validAfter": now - 60, "validBefore": now + 300,
               "nonce": "0x" + secrets.token_hex(32)}
    domain = {**EXTRA, "chainId": CHAIN, "verifyingContract": TOKEN}
    types = {"TransferWithAuthorization": [{"name": name, "type": kind} for name, kind in FIELDS.items()]}
    signature = "0x" + account.sign_typed_data(domain, types, message).signature.hex().removeprefix("0x")
    return {"signature": signature, "authorization": {name: str(value) for name, value in message.items()}}


def terms_one():
    return PaymentRequirementsV1(scheme="exact", network="base-sepolia", max_amount_required=PRICE, resource="http://127.0.0.1/paid",
                                 description="one request", mime_type="application/json", pay_to=SELLER, max_timeout_seconds=300,
                                 asset=TOKEN, extra=EXTRA)


def terms_two(network=f"eip155:{CHAIN}"):
    return PaymentRequirementsV2(scheme="exact", network=network, asset=TOKEN, amount=PRICE, pay_to=SELLER, max_timeout_seconds=300,
                                 extra=EXTRA)


def version_one():
    return PaymentPayloadV1(t402_version=1, scheme="exact", network="base-sepolia", payload=signed()), terms_one()


def version_two():
    return PaymentPayloadV2(accepted=terms_two(), payload=signed()), terms_two()


def mixture():
    """What t402's own server middlewares send for a payment of version 2."""
    return PaymentPayloadV2(accepted=terms_two("base-sepolia"), payload=signed()), terms_one()


async def settle_once(make, key):
    """One payment, one answer: two at a time, and again when it is over."""
    payload, terms = make()
    verified = await client.verify(payload, terms)
    assert verified.is_valid is True and verified.payer.lower() == account.address.lower(), verified
    receipts = await asyncio.gather(*[client.settle(payload, terms, idempotency_key=key) for _ in range(2)])
    receipts.append(await client.settle(payload, terms, idempotency_key=key))
    receipts.append(await client.settle(payload, terms))
    assert all(receipt.success for receipt in receipts), receipts
    assert len({receipt.transaction for receipt in receipts}) == 1, receipts
    journey.settled("paid", receipts[0].transaction, PRICE)


async def refused(payload, terms, key=None):
    answer = await client.settle(payload, terms, idempotency_key=key)
    assert answer.success is False and answer.error_reason, answer


async def main():
    kinds = {(kind.t402_version, kind.scheme, kind.network) for kind in (await client.list_supported()).kinds}
    assert {(2, "exact", "eip155:84532"), (1, "exact", "base-sepolia")} <= kinds, kinds

    key = f"order-{secrets.token_hex(8)}"
    await settle_once(version_two, key)
    # The key stands for the first payment; another under it is refused and not settled.
    await refused(*version_two(), key)
    await settle_once(version_one, f"order-{secrets.token_hex(8)}")
    await settle_once(mixture, f"order-{secrets.token_hex(8)}")

    payload, terms = version_two()
    payload.payload["authorization"]["value"] = "1"
    verified = await client.verify(payload, terms)
    assert verified.is_valid is False and verified.invalid_reason, verified
    await refused(payload, terms)
    payload, terms = version_one()
    await refused(payload, terms, "not a key")
    journey.report()


asyncio.run(main())
