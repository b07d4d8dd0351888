// What a browser makes of a page behind the relay. usage: node test.mjs CHROMIUM RELAY_APP
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import { Chromium } from "../chromium.mjs";

const [chromium, example] = process.argv.slice(2);

/** A billing API with one metered feature, which writes down what it is asked. */
class Billing {
  customers = new Map();
  seen = [];
  server = createServer(async (request, answer) => {
    const chunks = await request.toArray();
    const body = chunks.length ? JSON.parse(Buffer.concat(chunks)) : undefined;
    this.seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
    const [status, document] = this.answer(`${request.method} ${request.url}`, body);
    answer.writeHead(status, { "content-type": status < 400 ? "application/json" : "application/problem+json" });
    answer.end(document && JSON.stringify(document));
  });

  answer(line, body) {
    if (line === "GET /v1/plans") return [200, { data: [{ name: "Starter" }, { name: "<b>Pro</b>" }] }];
    if (line === "POST /v1/customers") {
      const known = [...this.customers.values()].find((it) => it.email === body.email);
      const customer = known ?? { id: `cus_${this.customers.size + 1}`, email: body.email, left: 3 };
      this.customers.set(customer.id, customer);
      return [known ? 200 : 201, { id: customer.id, email: customer.email }];
    }
    const customer = this.customers.get(body?.customer_id);
    if (!customer) return [404, { type: "paylera.not_found" }];
    if (line === "POST /v1/check") return [200, { allowed: customer.left > 0, balance: customer.left }];
    if (line === "POST /v1/track") {
      customer.left -= body.value;
      return [204];
    }
    return [404, { type: "paylera.not_found" }];
  }

  tracks() {
    return this.seen.filter(({ line }) => line === "POST /v1/track");
  }
}

async function listening(server) {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${server.address().port}`;
}

/** The page's text once it is as wanted; fails after five seconds. */
async function until(tab, expression, wanted) {
  let found;
  for (let tries = 0; tries < 100; tries++) {
    found = await tab.eval(expression);
    if (found === wanted) return;
    await sleep(50);
  }
  assert.equal(found, wanted, expression);
}

const balance = "document.getElementById('balance').value";
const signIn = (name) => `{ const form = document.forms[0]; form.user.value = "${name}"; form.requestSubmit(); }`;
const use = "document.getElementById('use').click()";

const tests = {
  async "the catalogue is there before anybody has signed in"(tab, { url }) {
    await tab.open(url);
    await until(tab, "[...document.querySelectorAll('li')].map((it) => it.textContent).join()", "Starter,<b>Pro</b>");
    assert.deepEqual(tab.said, []);
    assert.deepEqual(tab.requests, [url, `${url}api/paylera/plans`]);
  },

  async "a user signs in, uses, and sees what is left"(tab, { url, billing }) {
    await tab.open(url);
    await tab.eval(signIn("ann"));
    await until(tab, balance, "3");
    for (const left of ["2", "1", "0"]) {
      await tab.eval(use);
      await until(tab, balance, left);
    }
    assert.equal(await tab.eval("document.getElementById('use').disabled"), true);
    assert.deepEqual(billing.tracks().map(({ body }) => body), Array(3).fill({ customer_id: "cus_1", feature_code: "api_calls", value: 1 }));
    const keys = new Set(billing.tracks().map(({ headers }) => headers["idempotency-key"]));
    assert.equal(keys.size, 3);
    assert.deepEqual(tab.said, []);
  },

  async "the token lies in a cookie that scripts of this page can read, and the secret one nowhere"(tab, { url, billing }) {
    await tab.open(url);
    await tab.eval(signIn("bob"));
    await until(tab, balance, "3");
    const cookies = await tab.call("Network.getCookies", { urls: [`${url}api/paylera/track`] });
    const [cookie] = cookies.cookies.filter(({ name }) => name === "paylera_csrf");
    assert.deepEqual([cookie.path, cookie.httpOnly, cookie.sameSite], ["/api/paylera", false, "Lax"]);
    assert.equal(await tab.eval("document.cookie"), "", "not sent to, and not seen by, the rest of the site");
    const secret = billing.seen.at(-1).headers.authorization.replace("Bearer ", "");
    assert.ok(secret.startsWith("pl_test_"));
    assert.ok(!(await tab.eval("document.documentElement.outerHTML")).includes(secret));
  },

  async "without the header nothing is recorded"(tab, { url, billing }) {
    await tab.open(url);
    await tab.eval(signIn("bob"));
    await until(tab, balance, "3");
    const before = billing.tracks().length;
    const bare = `fetch("/api/paylera/track", { method: "POST", body: '{"feature_code":"api_calls","value":1}',
      headers: { "Content-Type": "application/json", "X-Demo-User": "bob" } }).then(async (it) => [it.status, (await it.json()).type].join())`;
    assert.equal(await tab.eval(bare), "403,paylera.csrf_mismatch");
    assert.equal(billing.tracks().length, before);
  },

  async "a page from elsewhere gets nothing done"(tab, { url, elsewhere, billing }) {
    await tab.open(url);
    await tab.eval(signIn("bob"));
    await until(tab, balance, "3");
    const before = billing.seen.length;
    await tab.open(elsewhere);
    const target = `"${url}api/paylera/track"`;
    const simple = `fetch(${target}, { method: "POST", mode: "no-cors", credentials: "include", body: '{"feature_code":"api_calls","value":1}' }).then((it) => it.type)`;
    assert.equal(await tab.eval(simple), "opaque");
    const full = `fetch(${target}, { method: "POST", credentials: "include", body: "{}", headers: { "Content-Type": "application/json", "Paylera-CSRF-Token": "x" } }).then(() => "sent", () => "refused")`;
    assert.equal(await tab.eval(full), "refused", "the browser asks first, and is not allowed");
    const form = `new Promise((resolve) => {
      const frame = Object.assign(document.createElement("iframe"), { name: "sink", onload: () => resolve("answered") });
      const form = Object.assign(document.createElement("form"), { method: "post", action: ${target}, target: "sink", enctype: "text/plain" });
      form.innerHTML = '<input name=\\'{"feature_code":"api_calls","value":1,"a":"\\' value=\\'"}\\'>';
      document.body.append(frame, form);
      form.submit();
    })`;
    assert.equal(await tab.eval(form), "answered");
    await sleep(300);
    assert.equal(billing.seen.length, before);
  },
};

const billing = new Billing();
const upstream = await listening(billing.server);
const elsewhere = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<!doctype html><title>Elsewhere</title>"));
const foreign = (await listening(elsewhere)).replace("127.0.0.1", "localhost");
const environment = { ...process.env, PAYLERA_API_TOKEN: "pl_test_browser", PAYLERA_RELAY_SECRET: "a secret for the browser's own test" };
const app = spawn(example, ["--listen", "127.0.0.1:0", "--upstream-url", upstream], { env: environment, stdio: ["ignore", "pipe", "inherit"] });
const browser = new Chromium(chromium);
let failed = 0;
try {
  const [line] = await once(createInterface(app.stdout), "line");
  const url = `${line.match(/http:\/\/[^\s]+/)[0]}/`;
  for (const [name, test] of Object.entries(tests)) {
    const tab = await browser.tab();
    try {
      await test(tab, { url, elsewhere: foreign, billing });
      console.log(`ok   ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${name}\n${error.stack}`);
    }
    await tab.close();
  }
} finally {
  app.kill("SIGTERM");
  await browser.close();
  billing.server.close();
  billing.server.closeAllConnections();
  elsewhere.close();
  elsewhere.closeAllConnections();
}
process.exitCode = failed ? 1 : 0;
