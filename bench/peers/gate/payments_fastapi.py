"""The gate benchmark's protected route behind payments-py's middleware. NVM_BACKEND_URL is its only setting."""

import base64
import json

from fastapi import FastAPI
from listening import serve
from payments_py import PaymentOptions, Payments
from payments_py.x402.fastapi import PaymentMiddleware

NETWORK = "eip155:84532"
SCHEME = "nvm:erc4337"


def key() -> str:
    """An API key that the SDK can read; the stub believes anything."""
    claims = {"sub": "0x" + "11" * 20, "o11y": "bench"}
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")  # noqa: E731
    return "local:" + ".".join([part({"alg": "none"}), part(claims), "sig"])


payments = Payments.get_instance(PaymentOptions(nvm_api_key=key()))
app = FastAPI()
route = {"plan_id": "7", "credits": 1, "network": NETWORK, "scheme": SCHEME}
app.add_middleware(PaymentMiddleware, payments=payments, routes={"POST /paid": route})


@app.post("/paid")
async def paid():
    return {"ok": True, "result": "hello"}


serve(app, "A" * 1000)
