"""The t402 requests client, which speaks version 1 only."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import journey
from eth_account import Account
from t402.clients.requests import t402_requests

PRICE = "10000"
account = Account.from_key(journey.key())


def get(path):
    with t402_requests(account, max_value=int(PRICE)) as http:
        http.trust_env = False
        return http.get(journey.PAID_API + path, timeout=60)


answer = get("/free")
journey.free(answer.status_code, answer.text)
for _ in range(2):
    answer = get("/paid")
    journey.paid("paid", answer.status_code, answer.text, answer.headers, PRICE)
answer = get("/fail")
journey.failed(answer.status_code, answer.text)
journey.report()
