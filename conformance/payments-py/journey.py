"""payments-py 1.18.0, unmodified, against `farebox serve`. Configured by NVM_BACKEND_URL alone.

Every check is an assertion on what the SDK returned; the first that fails ends the run.
"""

import base64
import json
import os
import socket
import threading
import time

import httpx
import uvicorn
from fastapi import FastAPI, Request
from payments_py import PaymentOptions, Payments
from payments_py.common.payments_error import PaymentsError
from payments_py.common.types import AgentAPIAttributes, AgentMetadata, PlanMetadata
from payments_py.plans import (
    get_dynamic_credits_config,
    get_expirable_duration_config,
    get_fixed_credits_config,
    get_free_price_config,
    get_non_expirable_duration_config,
)
from payments_py.x402 import X402TokenOptions, build_payment_required
from payments_py.x402.delegation_api import CreateDelegationPayload
from payments_py.x402.fastapi import PaymentMiddleware
from payments_py.x402.types import DelegationConfig

NETWORK = "eip155:84532"
SCHEME = "nvm:erc4337"


def payments(path: str) -> Payments:
    with open(path, encoding="utf-8") as file:
        key = json.load(file)["api_key"]
    return Payments.get_instance(PaymentOptions(nvm_api_key=key))


seller = payments(os.environ["SELLER"])
buyer = payments(os.environ["BUYER"])


def refused(code: str, call, *args, **kwargs) -> None:
    """The call must raise the SDK's error with this code."""
    try:
        answer = call(*args, **kwargs)
    except PaymentsError as error:
        assert error.code == code, f"{error.code} instead of {code}: {error}"
    else:
        raise AssertionError(f"{call.__name__} answered {answer!r}, not {code}")


def required(plan: str, **kwargs):
    return build_payment_required(plan, endpoint="/ask", http_verb="POST", network=NETWORK, scheme=SCHEME, **kwargs)


def balance(plan: str) -> int:
    return int(seller.plans.get_plan_balance(plan, buyer.account_address).balance)


def plans_of_every_kind() -> str:
    free = get_free_price_config()
    meta = PlanMetadata(name="Ten credits", description="for the journey")
    plan = seller.plans.register_credits_plan(meta, free, get_dynamic_credits_config(10, 1, 5))["planId"]
    found = seller.plans.get_plan(plan)
    assert found["id"] == plan and found["registry"]["price"]["isCrypto"] is not None
    assert plan in json.dumps(seller.plans.get_user_plans())

    assert buyer.plans.order_plan(plan)["success"] is True
    assert balance(plan) == 10

    fixed = seller.plans.register_credits_plan(meta, free, get_fixed_credits_config(10, 2))["planId"]
    buyer.plans.order_plan(fixed)
    token = buyer.x402.get_x402_access_token(fixed, token_options=X402TokenOptions(scheme=SCHEME, network=NETWORK))["accessToken"]
    receipt = seller.facilitator.settle_permissions(required(fixed), token, max_amount="1")
    assert (receipt.success, receipt.credits_redeemed, receipt.remaining_balance) == (True, "2", "8"), receipt

    for config in (get_expirable_duration_config(3600), get_non_expirable_duration_config()):
        timed = seller.plans.register_time_plan(meta, free, config)["planId"]
        buyer.plans.order_plan(timed)
        token = buyer.x402.get_x402_access_token(timed, token_options=X402TokenOptions(scheme=SCHEME, network=NETWORK))["accessToken"]
        for _ in range(3):
            assert seller.facilitator.settle_permissions(required(timed), token, max_amount="1").success
        assert seller.plans.get_plan_balance(timed, buyer.account_address).is_subscriber

    trial = seller.plans.register_credits_trial_plan(meta, free, get_fixed_credits_config(3, 1))["planId"]
    buyer.plans.order_plan(trial)
    again = None
    try:
        again = buyer.plans.order_plan(trial)
    except PaymentsError as error:
        assert "BCK.PROTOCOL.0056" in str(error) or error.code == "BCK.PROTOCOL.0056" or "409" in str(error), error
    assert again is None, "a trial was ordered twice"
    assert balance(trial) == 3
    return plan


def reusable_token(plan: str) -> None:
    token = buyer.x402.get_x402_access_token(plan, token_options=X402TokenOptions(scheme=SCHEME, network=NETWORK))["accessToken"]
    for _ in range(3):
        verified = seller.facilitator.verify_permissions(required(plan), token, max_amount="1")
        assert verified.is_valid and verified.payer.lower() == buyer.account_address.lower(), verified
    assert balance(plan) == 10, "verify is a simulation"

    receipt = seller.facilitator.settle_permissions(
        required(plan), token, max_amount="2", agent_request_id=verified.agent_request_id
    )
    again = seller.facilitator.settle_permissions(
        required(plan), token, max_amount="2", agent_request_id=verified.agent_request_id
    )
    assert receipt == again and receipt.credits_redeemed == "2" and receipt.remaining_balance == "8", (receipt, again)
    assert balance(plan) == 8
    seller.facilitator.settle_permissions(required(plan), token, max_amount="1")
    assert balance(plan) == 7

    buyer.plans.burn_credits(plan, "2")
    assert balance(plan) == 5
    seller.plans.mint_plan_credits(plan, 5, buyer.account_address)
    seller.plans.mint_plan_expirable(plan, 5, buyer.account_address, 3600)
    assert balance(plan) == 15
    over = seller.facilitator.verify_permissions(required(plan), tampered(token), max_amount="1")
    assert not over.is_valid, over


def tampered(token: str) -> str:
    envelope = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    envelope["payload"]["authorization"]["from"] = "0x" + "ab" * 20
    return base64.urlsafe_b64encode(json.dumps(envelope).encode()).decode().rstrip("=")


def single_use_token(plan: str) -> None:
    options = X402TokenOptions(scheme=SCHEME, network=NETWORK, token_version=3, resource="/ask", http_verb="POST")
    token = buyer.x402.get_x402_access_token(plan, token_options=options)["accessToken"]
    before = balance(plan)
    assert seller.facilitator.settle_permissions(required(plan), token, max_amount="1").success
    refused("BCK.X402.0059", seller.facilitator.settle_permissions, required(plan), token, max_amount="1")
    assert balance(plan) == before - 1
    other = build_payment_required(plan, endpoint="/other", http_verb="POST", network=NETWORK, scheme=SCHEME)
    bound = buyer.x402.get_x402_access_token(plan, token_options=options)["accessToken"]
    try:
        assert not seller.facilitator.verify_permissions(other, bound, max_amount="1").is_valid
    except PaymentsError:
        pass
    assert balance(plan) == before - 1


def agents_and_delegations(plan: str) -> str:
    made = seller.agents.register_agent(AgentMetadata(name="Asker"), AgentAPIAttributes(), [plan])
    agent = made.get("agentId") or made["data"]["agentId"]
    assert seller.agents.get_agent(agent)["id"] == agent
    assert plan in json.dumps(seller.agents.get_agent_plans(agent))
    assert agent in json.dumps(seller.plans.get_agents_associated_to_plan(plan))

    delegation = buyer.delegation.create_delegation(
        CreateDelegationPayload(
            provider="erc4337", spending_limit_cents=1000, duration_secs=3600, currency="usdc", max_transactions=2
        )
    )
    listed = buyer.delegation.list_delegations()
    assert delegation.delegation_id in json.dumps([d.model_dump(mode="json", by_alias=True) for d in listed])
    options = X402TokenOptions(
        scheme=SCHEME, network=NETWORK, delegation_config=DelegationConfig(delegation_id=delegation.delegation_id)
    )
    token = buyer.x402.get_x402_access_token(plan, token_options=options)["accessToken"]
    for _ in range(2):
        assert seller.facilitator.settle_permissions(required(plan), token, max_amount="1").success
    try:
        third = seller.facilitator.settle_permissions(required(plan), token, max_amount="1")
        raise AssertionError(f"a delegation of two transactions settled a third: {third}")
    except PaymentsError:
        pass
    return agent


def seller_app(plan: str) -> FastAPI:
    app = FastAPI()
    app.add_middleware(
        PaymentMiddleware,
        payments=seller,
        routes={"POST /ask": {"plan_id": plan, "credits": 1, "network": NETWORK, "scheme": SCHEME}},
    )

    @app.post("/ask")
    async def ask(request: Request):
        body = await request.json()
        return {"response": f"asked {body['query']}", "paid": request.state.payment_context.credits_to_settle}

    return app


def documented_client(plan: str) -> None:
    """The seed's middleware and its client, over HTTP."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(seller_app(plan), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    before = balance(plan)
    with httpx.Client(timeout=30, trust_env=False) as client:
        url = f"http://127.0.0.1:{port}/ask"
        unpaid = client.post(url, json={"query": "2+2"})
        assert unpaid.status_code == 402
        offer = json.loads(base64.b64decode(unpaid.headers["payment-required"]))
        plan_id = offer["accepts"][0]["planId"]
        token = buyer.x402.get_x402_access_token(plan_id)["accessToken"]
        paid = client.post(url, headers={"payment-signature": token}, json={"query": "2+2"})
        assert paid.status_code == 200 and paid.json()["response"] == "asked 2+2", paid.text
        receipt = json.loads(base64.b64decode(paid.headers["payment-response"]))
        assert receipt["success"] and receipt["creditsRedeemed"] == "1", receipt
    assert balance(plan) == before - 1
    server.should_exit = True
    thread.join(10)


plan = plans_of_every_kind()
reusable_token(plan)
single_use_token(plan)
agents_and_delegations(plan)
documented_client(plan)
print("payments-py: every check passed")
