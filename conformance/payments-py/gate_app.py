"""payments-py 1.18.0, unmodified, pays examples/gate-app through `farebox serve`.

First the client that its documentation shows, word for word but for the address; then every route of the app, each judged by
what the backend says the buyer has left.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import httpx
from payments_py import PaymentOptions, Payments
from payments_py.common.types import AgentAPIAttributes, AgentMetadata, PlanMetadata
from payments_py.plans import get_dynamic_credits_config, get_free_price_config


def key_of(path: str) -> str:
    return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["api_key"]


def payments(path: str) -> Payments:
    return Payments.get_instance(PaymentOptions(nvm_api_key=key_of(path)))


seller, buyer = payments(os.environ["SELLER"]), payments(os.environ["BUYER"])


def sold() -> tuple[str, str]:
    """A plan of 100 credits, ordered, and the agent behind it."""
    meta = PlanMetadata(name="A hundred credits", description="for the app")
    plan = seller.plans.register_credits_plan(meta, get_free_price_config(), get_dynamic_credits_config(100, 1, 1000000))["planId"]
    made = seller.agents.register_agent(AgentMetadata(name="Ada"), AgentAPIAttributes(), [plan])
    assert buyer.plans.order_plan(plan)["success"] is True
    return plan, made.get("agentId") or made["data"]["agentId"]


def start(plan: str, agent: str) -> tuple[subprocess.Popen, str]:
    command = [os.environ["GATE_APP"], "--listen", "127.0.0.1:0", "--backend", os.environ["NVM_BACKEND_URL"]]
    command += ["--plan", plan, "--agent", agent]
    environment = {**os.environ, "FAREBOX_SELLER_KEY": key_of(os.environ["SELLER"])}
    app = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    line = app.stdout.readline()
    assert line.startswith("listening on http://"), line
    return app, line.split()[-1]


def documented_client(url: str) -> None:
    """The client as documented, in a process of its own, at our address."""
    words = pathlib.Path(__file__).with_name("seed_client.py").read_text(encoding="utf-8")
    assert words.count('"http://localhost:3000"') == 1
    environment = {**os.environ, "NVM_API_KEY": key_of(os.environ["BUYER"]), "NVM_ENVIRONMENT": "custom"}
    client = [sys.executable, "-c", words.replace("http://localhost:3000", url)]
    said = subprocess.run(client, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == ["Response: You asked: What is 2+2?", "Credits used: 1"], said.stdout


def receipt_of(answer: httpx.Response) -> dict | None:
    value = answer.headers.get("payment-response")
    return json.loads(base64.b64decode(value)) if value else None


class Buyer:
    def __init__(self, client: httpx.Client, plan: str, agent: str) -> None:
        self.client, self.plan, self.agent = client, plan, agent

    def balance(self) -> int:
        return int(seller.plans.get_plan_balance(self.plan, buyer.account_address).balance)

    def pays(self, method: str, path: str, status: int, credits: int, **kwargs) -> httpx.Response:
        """Sends a paid request, which must be answered with this status and cost so many credits."""
        token = buyer.x402.get_x402_access_token(self.plan, self.agent)["accessToken"]
        headers = {"payment-signature": token, **kwargs.pop("headers", {})}
        before = self.balance()
        answer = self.client.request(method, path, headers=headers, **kwargs)
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
        assert before - self.balance() == credits, f"{path} cost {before - self.balance()}, not {credits}"
        receipt = receipt_of(answer)
        assert (receipt["creditsRedeemed"] == str(credits)) if receipt and receipt["success"] else credits in (0, 1), receipt
        return answer


def every_route(her: Buyer) -> None:
    assert her.client.get("/health").text == "ok"
    unpaid = her.client.get("/users/7")
    assert unpaid.status_code == 402 and "payment-required" in unpaid.headers
    assert her.pays("POST", "/generate", 200, 3, json={"max_tokens": 350}).json()["asked"] == {"max_tokens": 350}
    her.pays("POST", "/generate", 200, 1, json={})
    her.pays("POST", "/analyze", 200, 5, json={}, headers={"priority": "high"})
    her.pays("POST", "/analyze", 200, 1, json={})
    assert her.pays("GET", "/users/7", 200, 1).json() == {"id": "7"}
    assert her.pays("POST", "/agents/x/task", 200, 2).json() == {"agent": "x", "name": "Ada"}
    for status, credits in [(200, 1), (204, 1), (302, 0), (404, 0), (500, 0)]:
        her.pays("GET", f"/status/{status}", status, credits)
    her.pays("GET", "/boom", 500, 0)
    her.pays("GET", "/slow", 200, 1)
    assert "chunk" not in her.pays("GET", "/streamfail", 500, 0).text
    assert her.pays("GET", "/cookies", 200, 1).headers.get_list("set-cookie") == ["first=1", "second=2"]
    context = her.pays("GET", "/context", 200, 1).json()
    assert context["credits_to_settle"] == "1" and context["has_token"] and context["verified"], context
    assert context["agent_request"]["agentName"] == "Ada", context
    assert context["payment_required"]["accepts"][0]["planId"] == her.plan, context
    her.pays("GET", "/expensive", 402, 0)
    her.pays("GET", "/badprice", 500, 0)


def streamed(her: Buyer) -> None:
    """Chunks arrive one by one; the receipt can be asked for afterwards."""
    answer = her.pays("GET", "/stream", 200, 1)
    assert answer.text == "".join(f"chunk {number}\n" for number in range(1, 6)), answer.text
    receipt = her.client.get(answer.headers["payment-receipt-location"])
    assert receipt.status_code == 200 and receipt.json()["creditsRedeemed"] == "1", receipt.text


# Two of the app's handlers fail on purpose: what it says of that is of interest only if a check fails.
log = tempfile.TemporaryFile(mode="w+")
plan, agent = sold()
app, url = start(plan, agent)
try:
    documented_client(url)
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        her = Buyer(client, plan, agent)
        assert her.balance() == 99
        every_route(her)
        streamed(her)
except BaseException:
    log.seek(0)
    sys.stderr.write(log.read()[-4000:])
    raise
finally:
    app.terminate()
    assert app.wait(20) == 0, "the app did not stop when it was asked to"
print("payments-py: gate-app, every check passed")
