// A billing server of our own, `farebox serve`, with two plans on sale and a merchant who looks at what was recorded.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const free = [{ amount: 0, currency: "USD", interval: "month" }];
const calls = (included) => ({ api_calls: { includedUsage: included, usageCycle: "calendar_month" } });

export class Billing {
  #folder = mkdtempSync(join(tmpdir(), "farebox-billing-"));
  #server;

  async start(farebox) {
    const options = { cwd: this.#folder, env: { ...process.env, FAREBOX_SECRET_KEY: "11".repeat(32), FAREBOX_LOG: "warn", DATABASE_URL: "sqlite:billing.db" } };
    this.token = JSON.parse(execFileSync(farebox, ["init", "--merchant", "acme", "--json"], options)).api_token;
    this.#server = spawn(farebox, ["serve", "--listen", "127.0.0.1:0", "--json"], { ...options, stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(createInterface(this.#server.stdout), "line");
    this.url = JSON.parse(line).listening;
    await this.ask("PUT", "/v1/admin/features/api_calls", { code: "api_calls", name: "API calls", kind: "metered" });
    for (const [code, name, included] of [["starter", "Starter", 3], ["pro", "<b>Pro</b>", 100]]) {
      await this.ask("PUT", `/v1/admin/plans/${code}`, { code, name, prices: free, features: calls(included) });
    }
    return this;
  }

  /** As the merchant. */
  async ask(method, path, body) {
    const headers = { authorization: `Bearer ${this.token}`, "content-type": "application/json" };
    const answer = await fetch(this.url + path, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return answer.json();
  }

  async customers() {
    return (await this.ask("GET", "/v1/customers?limit=100")).data;
  }

  /** What a user has used, by the ledger. */
  async used(email) {
    const { data } = await this.ask("GET", `/v1/customers?email=${encodeURIComponent(email)}`);
    return data.length ? (await this.ask("GET", `/v1/customers/${data[0].id}/ledger`)).data : [];
  }

  async stop() {
    if (this.#server?.exitCode === null) {
      this.#server.kill("SIGTERM");
      await once(this.#server, "exit");
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
