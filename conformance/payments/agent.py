"""The official MCP client, as an agent's host uses it, at `farebox mcp`."""

import asyncio
import os
import sys
import tempfile

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

farebox, url = sys.argv[1], os.environ["PAYMENTS_URL"]
reads, pays = os.environ["TOKEN_READS"], os.environ["TOKEN_PAYS"]
journal = os.path.join(tempfile.mkdtemp(), "budget.jsonl")
budget = ["--budget", "USD=10000", "--journal", journal]


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


async def reader(client):
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == {"payment_status", "payment_events", "has_customer_paid", "list_payments", "create_payment"}
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
    bad, why = await call(client, "create_payment", **tea("tea-2", 4001))
    assert bad and why["error"] == "over_budget", why
    bad, status = await call(client, "payment_status", payment_id=paid["payment_id"])
    assert not bad and status["status"] == "succeeded" and status["id"] == paid["id"], status
    bad, why = await call(client, "payment_status", payment_id="pay_nobody")
    assert bad and why["status"] == 404, why
    bad, listed = await call(client, "list_payments", customer_id="cust_agent")
    assert not bad and len(listed["data"]) == 1, listed
    bad, answer = await call(client, "has_customer_paid", customer_id="cust_agent")
    assert not bad and answer["has_paid"] is True, answer


async def main():
    await session(reads, [], reader)
    await session(reads, budget, without_scope)
    await session(pays, budget, payer)
    print("mcp: 5 tools, 1 payment, 4 refusals")


asyncio.run(main())
