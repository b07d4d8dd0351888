"""Our Stripe client against localstripe; what became of each call is read with Stripe's own library."""

import os
import time
import urllib.parse
import urllib.request

import stripe

from hooks import Hooks
from line import Line, fresh

url, program = os.environ["PEER_URL"], os.environ["PROVIDER_LINE"]
key, secret = "sk_test_conformance", "whsec_conformance"
theirs = stripe.StripeClient(key, base_addresses={"api": url})


def post(path, fields):
    request = urllib.request.Request(url + path, urllib.parse.urlencode(fields).encode())
    request.add_header("authorization", f"Bearer {key}")
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def card(number):
    details = {"number": number, "exp_month": 12, "exp_year": 2030, "cvc": "123"}
    return theirs.v1.payment_methods.create({"type": "card", "card": details}).id


hooks = Hooks()
post("/_config/webhooks/farebox", {"url": hooks.url, "secret": secret})
ours = Line(program, "stripe", url, key, "whsec_before", secret)

# Paid at once, and found again without the answer.
our_id = fresh()
paid = ours.seen("create", our_id=our_id, minor=4999, method="pm_card_visa")
assert (paid["state"], paid["captured_minor"], paid["currency"]) == ("Succeeded", 4999, "USD"), paid
intent = theirs.v1.payment_intents.retrieve(paid["provider_id"])
assert (intent.status, intent.amount, intent.metadata["farebox_payment"]) == ("succeeded", 4999, our_id)
assert ours.seen("lookup", our_id=our_id)["provider_id"] == paid["provider_id"]
assert ours.seen("lookup", our_id=fresh()) is None

# Declined.
declined_id = fresh()
no = ours.refused("create", our_id=declined_id, minor=700, method=card("4000000000000341"))
assert (no["code"], no["class"]) == ("card_declined", "Declined"), no
assert ours.seen("lookup", our_id=declined_id)["state"] == "Failed"

# 3-D Secure: the payer acts at the bank, both ways.
for success, state in (("true", "Succeeded"), ("false", "Failed")):
    our_id = fresh()
    asked = ours.seen("create", our_id=our_id, minor=800, method=card("4000002500003155"))
    assert (asked["state"], asked["captured_minor"]) == ("RequiresAction", 0), asked
    answer = {"client_secret": asked["action"]["client_secret"], "success": success}
    post(f"/v1/payment_intents/{asked['provider_id']}/_authenticate", answer)
    whose = {"our_id": our_id, "provider_id": asked["provider_id"]}
    assert ours.seen("lookup", **whose)["state"] == state
    if state == "Succeeded":
        assert ours.seen("confirm", **whose)["state"] == state

# Authorized, captured in part; a repeat says how things stand, another one cancels.
held = ours.seen("create", our_id=fresh(), minor=1000, method="pm_card_visa", capture="manual")
assert (held["state"], held["captured_minor"]) == ("RequiresCapture", 0), held
for attempt in ("first", "again"):
    taken = ours.seen("capture", our_id="x", provider_id=held["provider_id"], minor=600, key=attempt)
    assert (taken["state"], taken["captured_minor"]) == ("Succeeded", 600), taken
held = ours.seen("create", our_id=fresh(), minor=1000, method="pm_card_visa", capture="manual")
for attempt in ("first", "again"):
    assert ours.seen("cancel", our_id="x", provider_id=held["provider_id"], key=attempt)["state"] == "Canceled"
assert theirs.v1.payment_intents.retrieve(held["provider_id"]).status == "canceled"

# Refunded in part, found again by our refund's id.
back = ours.seen("refund", our_id="x", provider_id=paid["provider_id"], our_refund="ref_1", minor=1500)
assert (back["state"], back["minor"]) == ("Succeeded", 1500), back
assert ours.seen("lookup_refund", our_id="x", provider_id=paid["provider_id"], our_refund="ref_1") == back
assert ours.seen("lookup_refund", our_id="x", provider_id=paid["provider_id"], our_refund="ref_2") is None
assert ours.seen("lookup", our_id="x", provider_id=paid["provider_id"])["refunded_minor"] == 1500

# Every payment is in the list, once.
listed, after = [], None
while True:
    page = ours.seen("list", since=int(time.time()) - 600, after=after)
    listed += [payment["provider_id"] for payment in page["payments"]]
    after = page["next"]
    if not after:
        break
assert len(listed) == len(set(listed)) == 6 and paid["provider_id"] in listed, listed

# Every webhook of theirs is believed under the secret in use, whichever of the two, and no other.
wanted = {"payment_intent.succeeded", "payment_intent.payment_failed"}
for headers, body in hooks.wait(4):
    event = ours.ask("event", headers=headers, body=body)
    assert event["event"]["kind"] in wanted | {"payment_method.attached"}, event
    assert "forged" in ours.ask("event", headers=headers, body=body.replace("4999", "9999") + " ")
    assert "forged" in ours.ask("event", headers={}, body=body)
assert wanted == {ours.ask("event", headers=headers, body=body)["event"]["kind"] for headers, body in hooks.taken} & wanted
ours.close()

# A key that the server does not take is turned away at the door.
stranger = Line(program, "stripe", url, "not_a_key")
assert "not_done" in stranger.ask("create", our_id=fresh(), minor=5, method="pm_card_visa")
stranger.close()
print(f"localstripe: {len(listed)} payments, {len(hooks.taken)} webhooks")
