"""The official httpx client: one after another, side by side, metered, and what must not be charged."""

import asyncio
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import journey
from eth_account import Account
from x402 import x402Client
from x402.http.clients import x402HttpxClient
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact import register_exact_evm_client
from x402.mechanisms.evm.upto import UptoEvmClientScheme

PRICE = "10000"


async def main():
    signer = EthAccountSigner(Account.from_key(journey.key()))
    client = register_exact_evm_client(x402Client(), signer)
    client.register("eip155:*", UptoEvmClientScheme(signer))
    async with x402HttpxClient(client, base_url=journey.PAID_API, timeout=60) as http:
        answer = await http.get("/free")
        journey.free(answer.status_code, answer.text)
        first = await http.get("/paid")
        for answer in [first, *await asyncio.gather(*[http.get("/paid") for _ in range(3)])]:
            journey.paid("paid", answer.status_code, answer.text, answer.headers, PRICE)
        answer = await http.get("/fail")
        journey.failed(answer.status_code, answer.text)
        answer = await http.get("/upto")
        journey.paid("upto", answer.status_code, answer.text, answer.headers)
    journey.report()


asyncio.run(main())
