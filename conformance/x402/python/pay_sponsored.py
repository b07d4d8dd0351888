"""The official client without an allowance for Permit2 and without gas: it signs a permit, which the settlement brings along."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import journey
from eth_account import Account
from x402 import x402ClientSync
from x402.http.clients import x402_requests
from x402.mechanisms.evm import EthAccountSignerWithRPC
from x402.mechanisms.evm.upto import UptoEvmClientScheme

signer = EthAccountSignerWithRPC(Account.from_key(journey.key()), rpc_url=os.environ["RPC_URL"])
client = x402ClientSync()
client.register("eip155:*", UptoEvmClientScheme(signer))
with x402_requests(client) as http:
    http.trust_env = False
    answer = http.get(journey.PAID_API + "/upto", timeout=60)
    journey.paid("upto", answer.status_code, answer.text, answer.headers)
journey.report()
