"""The official Python facilitator behind FastAPI, in one process. RPC_URL and SIGNER_KEY are its only settings.

Its classes are synchronous: FastAPI runs the two calls in its threads, so that one waiting for the chain holds up no other.
Prints its URL once it listens.
"""

import logging
import os
import socket

import uvicorn
from fastapi import Body, FastAPI
from x402 import x402FacilitatorSync
from x402.mechanisms.evm import FacilitatorWeb3Signer
from x402.mechanisms.evm.exact import register_exact_evm_facilitator
from x402.mechanisms.evm.upto import UptoEvmFacilitatorScheme
from x402.schemas import parse_payment_payload, parse_payment_requirements

NETWORK = "eip155:84532"

signer = FacilitatorWeb3Signer(private_key=os.environ["SIGNER_KEY"], rpc_url=os.environ["RPC_URL"])
facilitator = x402FacilitatorSync()
register_exact_evm_facilitator(facilitator, signer, networks=NETWORK)
facilitator.register([NETWORK], UptoEvmFacilitatorScheme(signer))
app = FastAPI()


def read(body):
    payload = parse_payment_payload(body["paymentPayload"])
    return payload, parse_payment_requirements(payload.x402_version, body["paymentRequirements"])


def written(answer):
    return answer.model_dump(by_alias=True, exclude_none=True)


@app.post("/verify")
def verify(body: dict = Body()):
    return written(facilitator.verify(*read(body)))


@app.post("/settle")
def settle(body: dict = Body()):
    return written(facilitator.settle(*read(body)))


@app.get("/supported")
def supported():
    return written(facilitator.get_supported())


class Server(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(f"http://127.0.0.1:{sockets[0].getsockname()[1]}", flush=True)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_config=None, access_log=False)
    Server(config).run([listener])
