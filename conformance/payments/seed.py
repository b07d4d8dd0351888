"""The seed's own test, at `farebox serve` on PostgreSQL, with the seed's environment variables. usage: seed.py FAREBOX POSTGRES_URL"""

import json
import os
import subprocess
import sys
import tempfile
import uuid
from decimal import Decimal

import psycopg
import requests

farebox, admin = sys.argv[1:]
name = f"seed_{uuid.uuid4().hex}"
url = f"{admin.rsplit('/', 1)[0]}/{name}"
folder = tempfile.mkdtemp()
# As the seed writes it, for SQLAlchemy's asyncpg.
seed = {"DATABASE_URL": url.replace("postgres://", "postgresql://").replace("postgresql://", "postgresql+asyncpg://"), "PAYMENT_API_KEY": "sk_seed"}
env = {**os.environ, **seed, "FAREBOX_SECRET_KEY": "55" * 32, "FAREBOX_LOG": "warn"}


def run(*args):
    return json.loads(subprocess.run([farebox, *args, "--json"], env=env, cwd=folder, check=True, stdout=subprocess.PIPE).stdout)


def in_database(statement):
    with psycopg.connect(url) as sql:
        return sql.execute(statement).fetchall()


def the_seeds_own_test(base, token):
    response = requests.post(
        f"{base}/payments",
        json={
            "customer_id": "cust_123",
            "amount": 49.99,
            "currency": "USD",
            "payment_method_id": "pm_test_001"
        },
        headers={"Authorization": f"Bearer {token}"},
    )
    assert response.status_code == 200, (response.status_code, response.text)
    answer = response.json()
    assert answer["status"] == "succeeded" and isinstance(answer["payment_id"], str), answer
    rows = in_database("SELECT customer_id, payment_provider_id, amount, currency, status FROM payments;")
    assert rows == [("cust_123", answer["payment_id"], Decimal("49.99"), "USD", "succeeded")], rows
    return answer["payment_id"]


def reads_as_the_seed_does(base, token, payment_id):
    headers = {"Authorization": f"Bearer {token}"}
    read = requests.get(f"{base}/payments/{payment_id}", headers=headers)
    assert read.status_code == 200, read.text
    seen = {key: read.json()[key] for key in ("payment_provider_id", "customer_id", "amount", "currency", "status")}
    wanted = {"payment_provider_id": payment_id, "customer_id": "cust_123", "amount": 49.99, "currency": "USD", "status": "succeeded"}
    assert seen == wanted, seen
    assert requests.get(f"{base}/payments/pi_nobody", headers=headers).status_code == 404
    assert requests.get(f"{base}/payments/{payment_id}").status_code == 401
    methods = {method["id"]: method["does"] for method in requests.get(f"{base}/v1/sim/methods").json()}
    assert "approved" in methods["pm_sim_ok"] and "declined" in methods["pm_sim_declined"], methods
    forged = requests.post(f"{base}/webhooks/payments", json={"type": "payment_intent.succeeded", "data": {"object": {"id": payment_id}}})
    assert forged.status_code == 400, "without a signature nothing is believed"


with psycopg.connect(admin, autocommit=True) as sql:
    sql.execute(f"CREATE DATABASE {name}")
try:
    run("init", "--merchant", "seed", "--mode", "test")
    token = run("token", "create")["api_token"]
    server = subprocess.Popen([farebox, "serve", "--listen", "127.0.0.1:0", "--json"], env=env, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        base = json.loads(server.stdout.readline())["listening"]
        reads_as_the_seed_does(base, token, the_seeds_own_test(base, token))
    finally:
        server.terminate()
        assert server.wait(timeout=20) == 0
    run("verify")
finally:
    with psycopg.connect(admin, autocommit=True) as sql:
        sql.execute(f"DROP DATABASE {name} WITH (FORCE)")
print("seed: its own test, its SELECT, its read")
