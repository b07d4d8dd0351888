"""What the chain says: balances, transfers, and payers that nobody has used before."""

import json
import os
import time
import urllib.request
from collections import namedtuple

from eth_account import Account

TOKEN = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3"
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Transfer = namedtuple("Transfer", "transaction to amount")


def rpc(method, *params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(os.environ["RPC_URL"], body, {"content-type": "application/json"})
    with DIRECT.open(request, timeout=30) as answer:
        answer = json.load(answer)
    assert "error" not in answer, answer
    return answer["result"]


def word(value):
    return (value[2:].lower() if isinstance(value, str) else f"{value:x}").rjust(64, "0")


def send(sender, to, data):
    transaction = rpc("eth_sendTransaction", {"from": sender, "to": to, "data": data})
    for _ in range(500):
        receipt = rpc("eth_getTransactionReceipt", transaction)
        if receipt:
            break
        time.sleep(0.01)
    assert receipt and receipt["status"] == "0x1", receipt


def payer(dollars=100):
    """A new account with money and nothing for gas."""
    account = Account.create()
    send(rpc("eth_accounts")[9], TOKEN, f"0x40c10f19{word(account.address)}{word(dollars * 10**6)}")
    return account


def allow_permit2(owner):
    """What x402's `upto` demands of a payer: Permit2 may move its tokens."""
    rpc("anvil_setBalance", owner, hex(10**18))
    rpc("anvil_impersonateAccount", owner)
    send(owner, TOKEN, f"0x095ea7b3{word(PERMIT2)}{word(2**256 - 1)}")
    rpc("anvil_stopImpersonatingAccount", owner)
    rpc("anvil_setBalance", owner, "0x0")


def balance(address):
    return int(rpc("eth_call", {"to": TOKEN, "data": f"0x70a08231{word(address)}"}, "latest"), 16)


def block():
    return int(rpc("eth_blockNumber"), 16)


def transfers(sender, after):
    """Every transfer of the token away from `sender` in the blocks after `after`."""
    topics = [TRANSFER, f"0x{word(sender)}"]
    logs = rpc("eth_getLogs", {"address": TOKEN, "fromBlock": hex(after + 1), "toBlock": "latest", "topics": topics})
    return [Transfer(log["transactionHash"], f"0x{log['topics'][2][-40:]}", int(log["data"], 16)) for log in logs]
