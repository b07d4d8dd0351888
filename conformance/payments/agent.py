"""The official MCP client, as an agent's host uses it, at `farebox mcp`."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile

import httpx2
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

farebox, url = sys.argv[1], os.environ["PAYMENTS_URL"]
reads, pays = os.environ["TOKEN_READS"], os.environ["TOKEN_PAYS"]
journal = os.path.join(tempfile.mkdtemp(), "budget.jsonl")
budget = ["--budget", "USD=11000", "--journal", journal]


async def session(token, flags, steps):
    server = StdioServerParameters(command=farebox, args=["mcp", "--url", url, *flags], env={"FAREBOX_API_TOKEN": token})
    async with stdio_client(server) as (read, write), ClientSession(read, write) as client:
        await client.initialize()
        return await steps(client)


def failed(result):
    return getattr(result, "is_error", None) or getattr(result, "isError", False)


def content(result):
    structured = getattr(result, "structured_content", None)
    return structured if structured is not None else result.structuredContent


async def call(client, tool, **arguments):
    result = await client.call_tool(tool, arguments)
    return bool(failed(result)), content(result)


def tea(operation, minor):
    return {
        "operation": operation, "customer_id": "cust_agent", "amount_minor": minor, "currency": "USD",
        "payment_method_id": "pm_test_001",
    }


READS = {"payment_status", "payment_events", "has_customer_paid", "list_payments", "balances", "entitlements", "invoices"}
TOOLS = READS | {"create_payment", "refund_payment"}


async def reader(client):
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == TOOLS, tools.keys()
    assert all(tools[name].annotations.model_dump(by_alias=True)["readOnlyHint"] for name in READS)
    bad, answer = await call(client, "has_customer_paid", customer_id="cust_agent")
    assert not bad and answer["has_paid"] is False, answer
    bad, why = await call(client, "create_payment", **tea("tea-0", 100))
    assert bad and why["error"] == "no_budget", why


async def without_scope(client):
    bad, why = await call(client, "create_payment", **tea("tea-0", 100))
    assert bad and why["status"] == 403, why


async def payer(client):
    bad, paid = await call(client, "create_payment", **tea("tea-1", 6000))
    assert not bad and paid["status"] == "succeeded", paid
    assert await call(client, "create_payment", **tea("tea-1", 6000)) == (False, paid), "once per operation"
    bad, why = await call(client, "create_payment", **tea("tea-2", 5001))
    assert bad and why["error"] == "over_budget", why
    bad, status = await call(client, "payment_status", payment_id=paid["payment_id"])
    assert not bad and status["status"] == "succeeded" and status["id"] == paid["id"], status
    bad, why = await call(client, "payment_status", payment_id="pay_nobody")
    assert bad and why["status"] == 404, why
    bad, listed = await call(client, "list_payments", customer_id="cust_agent")
    assert not bad and len(listed["data"]) == 1, listed
    bad, answer = await call(client, "has_customer_paid", customer_id="cust_agent")
    assert not bad and answer["has_paid"] is True, answer
    bad, back = await call(client, "refund_payment", operation="back-1", payment_id=paid["id"], amount_minor=1000)
    assert not bad and back["status"] == "succeeded" and back["refunded_minor"] == 1000, back
    assert await call(client, "refund_payment", operation="back-1", payment_id=paid["id"], amount_minor=1000) == (False, back)


async def main():
    await session(reads, [], reader)
    await session(reads, budget, without_scope)
    await session(pays, budget, payer)
    await over_http()
    print("mcp: 9 tools; by stdio and by HTTP: 2 payments, 1 refund, 7 refusals")


async def over_http():
    """Each caller with a token of its own, at one server with one budget."""
    spent = ["--budget", "USD=11000", "--journal", journal]
    command = [farebox, "mcp", "--url", url, "--listen", "127.0.0.1:0", "--json", *spent]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    try:
        address = json.loads(server.stdout.readline())["listening"]
        await http_session(address, reads, reads_by_http)
        await http_session(address, reads, without_scope)
        await http_session(address, pays, pays_by_http)
        bare = httpx2.post(address, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert bare.status_code == 401, "a call without a token is not heard"
        for odd in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
            headers = {"authorization": f"Bearer {pays}", "accept": "application/json, text/event-stream", **odd}
            answer = httpx2.post(address, headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
            assert answer.status_code == 403, (odd, answer.status_code)
    finally:
        server.terminate()
        assert server.wait(timeout=10) == 0


async def http_session(address, token, steps):
    async with httpx2.AsyncClient(headers={"authorization": f"Bearer {token}"}) as http:
        async with streamable_http_client(address, http_client=http) as streams, ClientSession(streams[0], streams[1]) as client:
            await client.initialize()
            return await steps(client)


async def reads_by_http(client):
    assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
    bad, listed = await call(client, "list_payments", customer_id="cust_agent")
    assert not bad and len(listed["data"]) == 1, listed
    bad, status = await call(client, "payment_status", payment_id=listed["data"][0]["payment_id"])
    assert not bad and status["status"] == "partially_refunded", status


async def pays_by_http(client):
    bad, paid = await call(client, "create_payment", **tea("tea-3", 4000))
    assert not bad and paid["status"] == "succeeded", paid
    bad, why = await call(client, "create_payment", **tea("tea-4", 1))
    assert bad and why["error"] == "over_budget", why


asyncio.run(main())
