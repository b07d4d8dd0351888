#!/usr/bin/env python3
"""Runs the fixtures against a relay: this is the browser before it and the billing API behind it."""

import argparse
import base64
import email.utils
import hashlib
import hmac
import http.client
import http.server
import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

TOKEN = "pl_test_conformance"
SECRETS = {
    "current": "conformance current secret, 32 bytes or more",
    "previous": "conformance previous secret, 32 bytes or more",
    "other": "a secret that this relay was never told about",
}
UUID7 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


def numbers_as_written(text):
    """JSON with the digits of its numbers, so that 1.50 is not 1.5."""
    return json.loads(text, parse_float=lambda digits: ("number", digits), parse_int=lambda digits: ("number", digits))


class Upstream:
    """The billing API: gives the fixture's answers in their order, and writes down what it was asked."""

    def __init__(self, port):
        self.calls, self.expected, self.lock = [], [], threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                outer.answer(self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = handle_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def expect(self, calls):
        with self.lock:
            self.calls, self.expected = [], list(calls)

    def answer(self, handler):
        arrived = time.monotonic()
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        with self.lock:
            place = len(self.calls)
            self.calls.append((handler.command, handler.path, handler.headers, body, arrived))
            expected = self.expected[place] if place < len(self.expected) else None
        answer = expected["answer"] if expected else {"status": 418, "text": "not expected"}
        if answer == "drop":
            handler.close_connection = True
            handler.connection.close()
            return
        text = answer["text"] if "text" in answer else json.dumps(answer["json"]) if "json" in answer else ""
        handler.send_response_only(answer["status"])
        headers = {"content-type": "application/json"} if text else {}
        for name, value in {**headers, **answer.get("headers", {})}.items():
            if isinstance(value, dict):
                value = email.utils.formatdate(time.time() + value["http_date_in"], usegmt=True)
            handler.send_header(name, value)
        content = text.encode()
        if answer["status"] != 204:
            handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


class Mismatch(Exception):
    pass


def same(what, found, wanted):
    if found != wanted:
        raise Mismatch(f"{what} is {found!r}, not {wanted!r}")


def made_token(spec, tokens):
    """A token as the protocol describes it; a text stands for itself."""
    if spec is None or isinstance(spec, str):
        return spec
    name = spec.get("as") or secrets.token_hex(8)
    if name not in tokens:
        signed = f"{base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b'=').decode()}.{int(time.time()) + spec['expires_in']}"
        mac = hmac.new(SECRETS[spec["secret"]].encode(), signed.encode(), hashlib.sha256).digest()
        tokens[name] = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    return tokens[name]


class Relay:
    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.prefix = parts.hostname, parts.port or 80, parts.path.rstrip("/") or "/api/paylera"

    def send(self, method, path, headers, body):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        connection.putrequest(method, self.prefix + path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders()
        try:
            if body:
                connection.send(body)
        except OSError:
            pass  # It may answer, and close, before it has read everything.
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, response.headers, content

    def good_token(self):
        status, headers, content = self.send("GET", "/csrf-token", [], None)
        same("the status of /csrf-token", status, 200)
        token = json.loads(content)["token"]
        same("the cookie", headers["set-cookie"].split(";")[0], f"paylera_csrf={token}")
        return token


def request_of(request, relay):
    headers = list(request.get("headers", {}).items())
    body = None
    if "json" in request:
        body = json.dumps(request["json"]).encode()
    elif "text" in request:
        body = request["text"].encode()
    elif "base64" in request:
        body = base64.b64decode(request["base64"])
    elif "repeat" in request:
        body = (request["repeat"][0] * request["repeat"][1]).encode()
    if body is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    csrf = request.get("csrf")
    if csrf == "good":
        token = relay.good_token()
        csrf = {"header": token, "cookie": token}
    if csrf:
        tokens = {}
        header, cookie = (made_token(csrf.get(place), tokens) for place in ("header", "cookie"))
        if header is not None:
            headers.append(("Paylera-CSRF-Token", header))
        if cookie is not None:
            headers.append(("Cookie", f"session=x; paylera_csrf={cookie}"))
    return request["method"], request["path"], headers, body


def check_headers(where, headers, wanted, first=None):
    for name, value in wanted.items():
        found = headers.get(name)
        if isinstance(value, dict) and value.get("is") == "uuid7":
            if not found or not UUID7.match(found):
                raise Mismatch(f"{where}: {name} is {found!r}, no UUID of version 7")
        elif isinstance(value, dict):
            same(f"{where}: {name}", found, first.get(name))
        else:
            same(f"{where}: {name}", found, value)


def check_calls(calls, expected):
    shown = [f"{method} {path}" for method, path, *_ in calls]
    same("the list of upstream calls", shown, [f"{call['method']} {call['path']}" for call in expected])
    for place, (call, (_, _, headers, body, arrived)) in enumerate(zip(expected, calls)):
        where = f"upstream call {place + 1}"
        always = {"Authorization": f"Bearer {TOKEN}", "Paylera-Api-Version": "2026-05-01", "Cookie": None,
                  "Paylera-CSRF-Token": None, "X-Paylera-Customer-Id": None, "X-Paylera-Customer-Email": None}
        check_headers(where, headers, {**always, **call.get("headers", {})}, calls[0][2])
        if "json" in call:
            same(f"{where}: the body", numbers_as_written(body), call["json"])
        elif call["method"] == "GET":
            same(f"{where}: the body", body, b"")
        gap = arrived - calls[place - 1][4] if place else 0
        if not call.get("after", 0) <= gap <= call.get("within", 60):
            raise Mismatch(f"{where} came {gap:.2f} s after the one before it")


def check_answer(answer, status, headers, content):
    same("the status", (status, content[:300] if status != answer["status"] else b""), (answer["status"], b""))
    check_headers("the answer", headers, answer.get("headers", {}))
    if "problem" in answer:
        same("the content type", headers.get("content-type"), "application/problem+json")
        document = json.loads(content)
        same("the problem", (document["type"], document["status"]), (answer["problem"], answer["status"]))
        if TOKEN in content.decode() or "127.0.0.1" in content.decode():
            raise Mismatch("the problem names what is inside")
    elif "json" in answer:
        same("the body", json.loads(content), json.loads(json.dumps(answer["json"])))
    elif "text" in answer:
        same("the body", content, answer["text"].encode())


def run(raw, wanted, relay, upstream):
    calls = [{**call, "json": wanted["upstream"][place].get("json")} if "json" in call else call
             for place, call in enumerate(raw.get("upstream", []))]
    request = request_of(raw["request"], relay)
    upstream.expect(calls)
    begun = time.monotonic()
    answer = relay.send(*request)
    took = time.monotonic() - begun
    check_calls(upstream.calls, calls)
    check_answer(raw["answer"], *answer)
    least, most = raw.get("takes", (0, 60))
    if not least <= took <= most:
        raise Mismatch(f"it took {took:.2f} s, not between {least} and {most}")


def fixtures(words):
    for file in sorted((pathlib.Path(__file__).parent / "fixtures").glob("*.json")):
        text = file.read_text()
        for fixture, wanted in zip(json.loads(text), numbers_as_written(text)):
            if not words or any(word == file.stem or word in fixture["name"] for word in words):
                yield file.stem, fixture, wanted


def started(command, upstream):
    environment = {**os.environ, "PAYLERA_API_TOKEN": TOKEN, "PAYLERA_RELAY_SECRET": SECRETS["current"],
                   "PAYLERA_RELAY_SECRET_PREVIOUS": SECRETS["previous"], "UPSTREAM_URL": upstream.url}
    command = command.replace("{upstream}", upstream.url)
    # A group of its own: the shell and what it starts end together.
    process = subprocess.Popen(command, shell=True, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True)
    line = process.stdout.readline()
    found = re.search(r"http://[0-9.]+:[0-9]+[^\s\"',]*", line)
    if not found:
        process.kill()
        sys.exit(f"the relay did not say where it listens: {line!r}")
    return process, found.group()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--relay", help="URL of a running relay, its prefix included")
    parser.add_argument("--start", help="command that starts a relay; {upstream} is the API it calls")
    parser.add_argument("--upstream-port", type=int, default=0)
    parser.add_argument("words", nargs="*", help="files or parts of names")
    args = parser.parse_args()
    if bool(args.relay) == bool(args.start):
        parser.error("give one of --relay and --start")
    upstream = Upstream(args.upstream_port)
    process, url = started(args.start, upstream) if args.start else (None, args.relay)
    failed = count = 0
    try:
        relay = Relay(url)
        for file, fixture, wanted in fixtures(args.words):
            count += 1
            try:
                run(fixture, wanted, relay, upstream)
            except (Mismatch, OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as mismatch:
                failed += 1
                print(f"FAIL {file}: {fixture['name']}\n     {mismatch}")
    finally:
        if process:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
    print(f"{count - failed} of {count} fixtures hold for {url}")
    sys.exit(1 if failed or not count else 0)


if __name__ == "__main__":
    main()
