"""Our own payer, `farebox pay`, as a journey that the chain judges. usage: pay_farebox.py FAREBOX"""

import json
import os
import subprocess
import sys
import tempfile

import journey

PRICE = "10000"


def pay(path, journal):
    command = [sys.argv[1], "pay", journey.PAID_API + path, "--json", "--journal", journal]
    done = subprocess.run(command, env={**os.environ, "FAREBOX_WALLET_KEY": journey.key()}, stdout=subprocess.PIPE, text=True,
                          timeout=60, check=False)
    return json.loads(done.stdout)


def paid(kind, path, journal, price=None):
    answer = pay(path, journal)
    assert answer["status"] == 200 and answer["receipt"]["success"] is True, answer
    if kind == "paid":
        assert "paid content" in answer["body"], answer
    journey.settled(kind, answer["receipt"]["transaction"], answer["receipt"].get("amount") or price)


with tempfile.TemporaryDirectory() as home:
    journal = os.path.join(home, "journal")
    free = pay("/free", journal)
    assert free["status"] == 200 and not free["receipt"], free
    for _ in range(2):
        paid("paid", "/paid", journal, PRICE)
    journey.failed(pay("/fail", journal)["status"], "")
    paid("upto", "/upto", journal)
journey.report()
