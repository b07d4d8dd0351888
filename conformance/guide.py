"""Runs a guide: every block of sh in it, one after the other in one shell, in an empty folder. What is written behind `# →` must be
said, in that order. usage: guide.py FAREBOX GUIDE"""

import os
import re
import socket
import subprocess
import sys
import tempfile

farebox, guide = (os.path.realpath(path) for path in sys.argv[1:])
with open(guide, encoding="utf-8") as file:
    blocks = re.findall(r"^```sh\n(.*?)^```$", file.read(), re.S | re.M)
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
script = "\n".join(blocks).replace("127.0.0.1:3001", address)
expected = [line.split("# →", 1)[1].strip() for line in script.splitlines() if "# →" in line]
assert blocks and expected, "the guide says nothing that can be checked"

with tempfile.TemporaryDirectory() as folder:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("FAREBOX_", "DATABASE_", "PAYMENT_"))}
    path = f"{os.path.dirname(farebox)}{os.pathsep}{env['PATH']}"
    env.update(PATH=path, FAREBOX_LISTEN=address, FAREBOX_LOG="error", NO_PROXY="127.0.0.1")
    shell = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n" + script
    ran = subprocess.run(["bash", "-c", shell], cwd=folder, env=env, stdout=subprocess.PIPE, text=True, timeout=90)
assert ran.returncode == 0, f"a command failed ({ran.returncode}); before it was said:\n{ran.stdout}"
lines = iter(ran.stdout.splitlines())
for words in expected:
    assert any(line == words for line in lines), f"{words!r} was not said:\n{ran.stdout}"
print(f"guide: {os.path.basename(guide)}: {len(blocks)} blocks, {len(expected)} answers")
