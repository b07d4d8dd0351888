"""The t402 httpx client, which speaks version 1 only. One client pays once, so each request has a new one."""

import asyncio
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import journey
from eth_account import Account
from t402.clients.httpx import t402HttpxClient

PRICE = "10000"
account = Account.from_key(journey.key())


async def get(path):
    async with t402HttpxClient(account, max_value=int(PRICE), base_url=journey.PAID_API, trust_env=False) as http:
        return await http.get(path)


async def main():
    answer = await get("/free")
    journey.free(answer.status_code, answer.text)
    first = await get("/paid")
    for answer in [first, *await asyncio.gather(*[get("/paid") for _ in range(3)])]:
        journey.paid("paid", answer.status_code, answer.text, answer.headers, PRICE)
    answer = await get("/fail")
    journey.failed(answer.status_code, answer.text)
    journey.report()


asyncio.run(main())
