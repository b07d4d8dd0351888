"""Our Stripe client against emulate, a second server by other people; what became of each call is read with Stripe's library."""

import os
import time

import stripe

from hooks import Hooks
from line import Line, fresh

url, program = os.environ["PEER_URL"], os.environ["PROVIDER_LINE"]
key = "sk_test_conformance"
theirs = stripe.StripeClient(key, base_addresses={"api": url})
hooks = Hooks(int(os.environ["HOOKS_PORT"]))
ours = Line(program, "stripe", url, key, "whsec_conformance")

# Paid: emulate makes an intent and confirms it when told to, as two calls.
our_id = fresh()
paid = ours.seen("create", our_id=our_id, minor=4999, method="pm_card_visa", description="tea & cake")
assert (paid["state"], paid["captured_minor"], paid["currency"]) == ("Succeeded", 4999, "USD"), paid
intent = theirs.v1.payment_intents.retrieve(paid["provider_id"])
assert (intent.status, intent.amount, intent.description) == ("succeeded", 4999, "tea & cake")
assert intent.metadata["farebox_payment"] == our_id
charges = theirs.v1.charges.list({"payment_intent": paid["provider_id"]}).data
assert [charge.amount for charge in charges] == [4999], "one charge"

# Without the answer it is found again, and a confirm sent once more changes nothing.
assert ours.seen("lookup", our_id=our_id)["provider_id"] == paid["provider_id"]
assert ours.seen("confirm", our_id=our_id)["state"] == "Succeeded"
assert len(theirs.v1.charges.list({"payment_intent": paid["provider_id"]}).data) == 1

# An intent whose confirmation never came is found as it is, and taken on.
lost = fresh()
made = theirs.v1.payment_intents.create(
    {"amount": 300, "currency": "usd", "payment_method": "pm_card_visa", "metadata": {"farebox_payment": lost}}
)
assert ours.seen("lookup", our_id=lost)["state"] == "Created"
assert ours.seen("confirm", our_id=lost)["state"] == "Succeeded"
assert theirs.v1.payment_intents.retrieve(made.id).status == "succeeded"

# Canceled, and a paid one refused.
open_one = theirs.v1.payment_intents.create({"amount": 300, "currency": "usd"})
for attempt in ("first", "again"):
    assert ours.seen("cancel", our_id="x", provider_id=open_one.id, key=attempt)["state"] == "Canceled"
assert ours.refused("cancel", our_id="x", provider_id=paid["provider_id"])["class"] == "Invalid"

# More than a page of payments; the list has each once, a look-up reaches the oldest.
for _ in range(105):
    theirs.v1.payment_intents.create({"amount": 1, "currency": "usd"})
listed, after = [], None
while True:
    page = ours.seen("list", since=int(time.time()) - 600, after=after)
    listed += [payment["provider_id"] for payment in page["payments"]]
    after = page["next"]
    if not after:
        break
assert len(listed) == len(set(listed)) == 108, len(listed)
assert ours.seen("lookup", our_id=our_id)["provider_id"] == paid["provider_id"]
assert ours.seen("lookup", our_id=fresh()) is None

# Its webhooks are signed with the right secret in another service's way: we believe none.
for headers, body in hooks.wait(2):
    assert "x-hub-signature-256" in headers and "payment_intent" in body
    assert ours.ask("event", headers=headers, body=body) == {"forged": "the webhook is not signed"}
ours.close()
print(f"emulate: {len(listed)} payments, {len(hooks.taken)} webhooks refused")
