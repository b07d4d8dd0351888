"""Our own payer, `farebox pay`, as a journey that the chain judges. usage: pay_farebox.py FAREBOX"""

import json
import os
import subprocess
import sys
import tempfile

import journey

PRICE = "10000"


def run(path, journal):
    command = [sys.argv[1], "pay", journey.PAID_API + path, "--json", "--journal", journal]
    environment = {**os.environ, "FAREBOX_WALLET_KEY": journey.key()}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def pay(path, journal):
    done = run(path, journal)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def failed(path, journal):
    """A 500 without a receipt: our payer says that it cannot know, and would show the same authorization again."""
    done = run(path, journal)
    assert done.returncode != 0 and "500" in json.loads(done.stderr)["error"], done


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
    failed("/fail", journal)
    paid("upto", "/upto", journal)
journey.report()
