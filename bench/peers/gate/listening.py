"""Serves an app on a free port of 127.0.0.1 and prints its URL, and a payment header if there is one to send."""

import logging
import socket

import uvicorn


class Server(uvicorn.Server):
    header = ""

    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(f"http://127.0.0.1:{sockets[0].getsockname()[1]} {self.header}", flush=True)


def serve(app, header=""):
    logging.disable(logging.CRITICAL)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = Server(uvicorn.Config(app, log_config=None, access_log=False))
    server.header = header
    server.run([listener])
