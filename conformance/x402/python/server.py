"""The official Python server, with the routes of `examples/paid-api`. FACILITATOR and PAY_TO are its only settings.

Prints its URL once it listens.
"""

import logging
import os
import socket

import uvicorn
from fastapi import FastAPI, HTTPException, Response
from x402.http import FacilitatorConfig, HTTPFacilitatorClient, PaymentOption, RouteConfig
from x402.http.middleware.fastapi import PaymentMiddlewareASGI, set_settlement_overrides
from x402.mechanisms.evm.exact import ExactEvmServerScheme
from x402.mechanisms.evm.upto import UptoEvmServerScheme
from x402.server import x402ResourceServer

NETWORK = "eip155:84532"


def route(scheme, price):
    return RouteConfig(accepts=PaymentOption(scheme=scheme, pay_to=os.environ["PAY_TO"], price=price, network=NETWORK))


server = x402ResourceServer(HTTPFacilitatorClient(FacilitatorConfig(url=os.environ["FACILITATOR"])))
server.register(NETWORK, ExactEvmServerScheme())
server.register(NETWORK, UptoEvmServerScheme())
routes = {"GET /paid": route("exact", "$0.01"), "GET /fail": route("exact", "$0.01"), "GET /upto": route("upto", "$0.10")}
app = FastAPI()
app.add_middleware(PaymentMiddlewareASGI, routes=routes, server=server)


@app.get("/free")
def free():
    return {"content": "free content"}


@app.get("/paid")
def paid():
    return {"content": "paid content"}


@app.get("/fail")
def fail():
    raise HTTPException(500, "as asked")


@app.get("/upto")
def upto(response: Response):
    set_settlement_overrides(response, {"amount": "1234"})
    return {"content": "metered content"}


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(f"http://127.0.0.1:{sockets[0].getsockname()[1]}", flush=True)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    Server(uvicorn.Config(app, log_config=None, access_log=False)).run([listener])
