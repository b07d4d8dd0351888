"""The gate benchmark's protected route behind the official Python middleware. FACILITATOR is its only setting."""

import os

from fastapi import FastAPI
from listening import serve
from x402.http import FacilitatorConfig, HTTPFacilitatorClient, PaymentOption, RouteConfig
from x402.http.middleware.fastapi import PaymentMiddlewareASGI
from x402.mechanisms.evm.exact import ExactEvmServerScheme
from x402.server import x402ResourceServer

NETWORK = "eip155:84532"
PAY_TO = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C"

server = x402ResourceServer(HTTPFacilitatorClient(FacilitatorConfig(url=os.environ["FACILITATOR"])))
server.register(NETWORK, ExactEvmServerScheme())
price = RouteConfig(accepts=PaymentOption(scheme="exact", pay_to=PAY_TO, price="$0.01", network=NETWORK))
app = FastAPI()
app.add_middleware(PaymentMiddlewareASGI, routes={"POST /paid": price}, server=server)


@app.post("/paid")
async def paid():
    return {"ok": True, "result": "hello"}


serve(app)
