"""The official facilitator clients, both kinds, against our facilitator: both versions, dishonest payments, a settle asked twice."""

import asyncio
import copy
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import journey
from eth_account import Account
from x402 import x402ClientSync
from x402.http import FacilitatorConfig, HTTPFacilitatorClient, HTTPFacilitatorClientSync
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact import register_exact_evm_client
from x402.schemas import PaymentRequired, PaymentRequirements, ResourceInfo
from x402.schemas.v1 import PaymentRequiredV1, PaymentRequirementsV1

PRICE = "10000"
TOKEN = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
RESOURCE = "http://127.0.0.1/paid"
EXTRA = {"name": "USDC", "version": "2"}
SELLER = os.environ["PAY_TO"]

account = Account.from_key(journey.key())
payer = register_exact_evm_client(x402ClientSync(), EthAccountSigner(account))
config = FacilitatorConfig(url=os.environ["FACILITATOR"])


def version_two():
    requirements = PaymentRequirements(scheme="exact", network="eip155:84532", amount=PRICE, asset=TOKEN, pay_to=SELLER,
                                       max_timeout_seconds=300, extra=EXTRA)
    required = PaymentRequired(resource=ResourceInfo(url=RESOURCE), accepts=[requirements])
    return payer.create_payment_payload(required), requirements


def version_one():
    requirements = PaymentRequirementsV1(scheme="exact", network="base-sepolia", max_amount_required=PRICE, asset=TOKEN,
                                         pay_to=SELLER, max_timeout_seconds=300, extra=EXTRA, resource=RESOURCE,
                                         description="one request", mime_type="application/json")
    required = PaymentRequiredV1(accepts=[requirements], error="payment required")
    return payer.create_payment_payload(required), requirements


def supported(client):
    kinds = {(kind.x402_version, kind.scheme, kind.network) for kind in client.get_supported().kinds}
    wanted = {(2, "exact", "eip155:84532"), (2, "upto", "eip155:84532"), (1, "exact", "base-sepolia")}
    assert wanted <= kinds, kinds


def changed(payload, **members):
    other = copy.deepcopy(payload)
    other.payload["authorization"].update(members)
    return other


async def dishonest(client):
    """Changed after signing: an answer with a reason each time, never an error, and never money."""
    payload, requirements = version_two()
    elsewhere = "0x000000000000000000000000000000000000dEaD"
    for other in (changed(payload, value="1"), changed(payload, to=elsewhere), changed(payload, validBefore="1"),
                  changed(payload, nonce="0x" + "ab" * 32), changed(payload, **{"from": elsewhere})):
        verified = await client.verify(other, requirements)
        assert verified.is_valid is False and verified.invalid_reason, verified
        refused = await client.settle(other, requirements)
        assert refused.success is False and refused.error_reason, refused
    dearer = requirements.model_copy(update={"amount": "10001"})
    assert (await client.verify(payload, dearer)).is_valid is False


async def main():
    async with HTTPFacilitatorClient(config) as client:
        supported(client)
        for make in (version_two, version_one):
            payload, requirements = make()
            verified = await client.verify(payload, requirements)
            assert verified.is_valid is True and verified.payer.lower() == account.address.lower(), verified
            # Three at a time and once more: one payment, one answer.
            receipts = await asyncio.gather(*[client.settle(payload, requirements) for _ in range(3)])
            receipts.append(await client.settle(payload, requirements))
            assert all(receipt.success for receipt in receipts), receipts
            assert len({receipt.transaction for receipt in receipts}) == 1, receipts
            journey.settled("paid", receipts[0].transaction, PRICE)
        await dishonest(client)
    with HTTPFacilitatorClientSync(config) as client:
        supported(client)
        payload, requirements = version_two()
        assert client.verify(payload, requirements).is_valid is True
        receipt = client.settle(payload, requirements)
        assert receipt.success is True and receipt.network == "eip155:84532", receipt
        journey.settled("paid", receipt.transaction, PRICE)
    journey.report()


asyncio.run(main())
