"""What every paying client goes through, and how it reports."""

import base64
import json
import os

PAID_API = os.environ.get("PAID_API", "")
receipts = []


def key():
    return os.environ["PAYER_KEY"]


def free(status, text):
    assert status == 200, (status, text)


def failed(status, text):
    """The handler's own failure reaches the caller; that nothing was settled, the chain says."""
    assert status == 500, (status, text)


def paid(kind, status, text, headers, price=None):
    """`price` where the receipt carries no amount: `exact` settles what was asked."""
    assert status == 200, (status, text, dict(headers))
    if kind == "paid":
        assert "paid content" in text, text
    names = ("payment-response", "x-payment-response")
    header = next((headers[name] for name in names if name in headers), None)
    assert header, f"no receipt: {dict(headers)}"
    receipt = json.loads(base64.b64decode(header))
    assert receipt["success"] is True and receipt["transaction"], receipt
    settled(kind, receipt["transaction"], receipt.get("amount") or price)


def settled(kind, transaction, amount):
    assert transaction.startswith("0x") and amount, (kind, transaction, amount)
    receipts.append({"kind": kind, "transaction": transaction, "amount": str(amount)})


def report():
    print(json.dumps(receipts))
