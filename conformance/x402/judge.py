"""Runs a journey with a payer of its own, then asks the chain what was really paid.

usage: judge.py NAME PAID UPTO COMMAND…

The journey must end with one line of JSON: a list of the receipts it was given, [{"kind": "paid" | "upto", "transaction",
"amount"}]. There must be PAID and UPTO of them, and on the chain exactly these transfers from the payer to the seller and no others.
With ALLOWANCE=none, the payer has never allowed Permit2 anything.
"""

import base64
import json
import os
import subprocess
import sys
import urllib.error
from collections import Counter

import chain


def price(path):
    """What the seller asks, read from its challenge."""
    try:
        with chain.DIRECT.open(os.environ["PAID_API"] + path, timeout=30) as answer:
            raise AssertionError(f"{path} is free: {answer.status}")
    except urllib.error.HTTPError as answer:
        assert answer.code == 402, answer.code
        offer = json.loads(base64.b64decode(answer.headers["payment-required"]))
    accept = offer["accepts"][0]
    assert accept["network"] == "eip155:84532" and accept["asset"].lower() == chain.TOKEN.lower(), accept
    assert accept["payTo"].lower() == os.environ["PAY_TO"].lower(), accept
    return int(accept["amount"])


def run(command, payer):
    done = subprocess.run(command, env={**os.environ, "PAYER_KEY": "0x" + payer.key.hex().removeprefix("0x")},
                          stdout=subprocess.PIPE, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"the journey failed ({done.returncode}):\n{done.stdout}"
    return json.loads(done.stdout.strip().splitlines()[-1])


def judge(name, paid, upto, command):
    seller = os.environ["PAY_TO"]
    prices = {"paid": price("/paid"), "upto": price("/upto") if upto else 0}
    payer = chain.payer()
    if os.environ.get("ALLOWANCE") != "none":
        chain.allow_permit2(payer.address)
    had, start = {who: chain.balance(who) for who in (payer.address, seller)}, chain.block()
    receipts = run(command, payer)
    kinds = Counter(receipt["kind"] for receipt in receipts)
    assert (kinds["paid"], kinds["upto"]) == (paid, upto), f"receipts: {receipts}"
    for receipt in receipts:
        amount, asked = int(receipt["amount"]), prices[receipt["kind"]]
        assert amount == asked if receipt["kind"] == "paid" else 0 < amount < asked, (receipt, asked)
    claimed = Counter((receipt["transaction"].lower(), int(receipt["amount"])) for receipt in receipts)
    moved = chain.transfers(payer.address, start)
    assert all(transfer.to == seller.lower() for transfer in moved), moved
    assert Counter((transfer.transaction.lower(), transfer.amount) for transfer in moved) == claimed, (moved, receipts)
    total = sum(transfer.amount for transfer in moved)
    assert chain.balance(payer.address) == had[payer.address] - total
    assert chain.balance(seller) == had[seller] + total
    print(f"{name}: {paid} paid, {upto} metered, {total} atomic units on the chain, nothing else moved")


if __name__ == "__main__":
    judge(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
