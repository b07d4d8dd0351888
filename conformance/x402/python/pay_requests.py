"""The official requests client."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import journey
from eth_account import Account
from x402 import x402ClientSync
from x402.http.clients import x402_requests
from x402.mechanisms.evm import EthAccountSigner
from x402.mechanisms.evm.exact import register_exact_evm_client
from x402.mechanisms.evm.upto import UptoEvmClientScheme

PRICE = "10000"

signer = EthAccountSigner(Account.from_key(journey.key()))
client = register_exact_evm_client(x402ClientSync(), signer)
client.register("eip155:*", UptoEvmClientScheme(signer))
with x402_requests(client) as http:
    http.trust_env = False

    def get(path):
        return http.get(journey.PAID_API + path, timeout=60)

    answer = get("/free")
    journey.free(answer.status_code, answer.text)
    for _ in range(2):
        answer = get("/paid")
        journey.paid("paid", answer.status_code, answer.text, answer.headers, PRICE)
    answer = get("/fail")
    journey.failed(answer.status_code, answer.text)
    answer = get("/upto")
    journey.paid("upto", answer.status_code, answer.text, answer.headers)
journey.report()
