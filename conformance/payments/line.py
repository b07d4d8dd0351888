"""Our provider client, driven line by line."""

import json
import subprocess
import uuid


class Line:
    def __init__(self, program, provider, url, key, *secrets):
        self.process = subprocess.Popen(
            [program, provider, url, key, *secrets], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, do, **fields):
        self.process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def seen(self, do, **fields):
        answer = self.ask(do, **fields)
        assert "seen" in answer, f"{do} {fields}: {answer}"
        return answer["seen"]

    def refused(self, do, **fields):
        answer = self.ask(do, **fields)
        assert "refused" in answer, f"{do} {fields}: {answer}"
        return answer["refused"]

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=10) == 0


def fresh():
    return f"pay_{uuid.uuid4().hex}"
