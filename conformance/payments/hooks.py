"""Takes webhooks on a free port and keeps them as they came."""

import http.server
import threading
import time


class Hooks:
    def __init__(self, port=0):
        taken = self.taken = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/stripe"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count):
        """The first `count` deliveries."""
        for _ in range(100):
            if len(self.taken) >= count:
                return self.taken[:count]
            time.sleep(0.1)
        raise AssertionError(f"{len(self.taken)} webhooks of {count} came")
