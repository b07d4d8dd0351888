"""The payments service's contract, as an agent sees it, in a few lines: stands where `farebox serve` stands."""

import http.server
import json

book = {}


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def token(self):
        return self.headers.get("authorization", "").removeprefix("Bearer ")

    def do_GET(self):
        path = self.path.partition("?")[0].strip("/").split("/")
        payments = list(book.values())
        if path == ["payments"]:
            return self.answer(200, {"data": payments})
        if path[0] == "customers":
            paid = any(one["customer_id"] == path[1] and one["status"] == "succeeded" for one in payments)
            return self.answer(200, {"customer_id": path[1], "has_paid": paid})
        found = [one for one in payments if path[1] in (one["id"], one["payment_id"])]
        return self.answer(200, found[0]) if found else self.answer(404, {"code": "not_found", "status": 404})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.token() != "may_pay":
            return self.answer(403, {"code": "missing_scope", "status": 403})
        key = self.headers["idempotency-key"]
        if key not in book:
            name = f"{len(book):04}"
            book[key] = {"id": f"pay_{name}", "payment_id": f"pi_{name}", "status": "succeeded", **body}
        return self.answer(200, book[key])

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
