// What a browser makes of the page of relay-app, before a billing server of our own. usage: node test.mjs CHROMIUM RELAY_APP FAREBOX
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import { runTests } from "../tests.mjs";
import { Billing } from "./billing.mjs";

const [chromium, example, farebox] = process.argv.slice(2);
const webhookSecret = "what the browser's own test signs events with";

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
const choose = (plan) => `[...document.querySelectorAll("#plans button")].find((it) => it.textContent === "${plan}").click()`;
const use = "document.getElementById('use').click()";

/** Signed in, with a plan of three calls. */
async function subscribed(tab, url, user) {
  await tab.open(url);
  await until(tab, "document.querySelectorAll('#plans button').length", 2);
  await tab.eval(signIn(user));
  await until(tab, balance, "none");
  await until(tab, "document.querySelectorAll('#plans button:disabled').length", 0);
  await tab.eval(choose("Starter"));
  await until(tab, balance, "3");
}

const tests = {
  async "the catalogue is there before anybody has signed in"(tab, { url }) {
    await tab.open(url);
    const plans = "[...document.querySelectorAll('li')].map((it) => it.textContent).sort().join()";
    await until(tab, plans, "<b>Pro</b>,Starter");
    assert.deepEqual(tab.said, []);
    assert.deepEqual(tab.requests, [url, `${url}api/paylera/plans`]);
  },

  async "a user signs in, chooses a plan, uses it, and sees what is left"(tab, { url, billing }) {
    await subscribed(tab, url, "ann");
    for (const left of ["2", "1", "0"]) {
      await tab.eval(use);
      await until(tab, balance, left);
    }
    await until(tab, "document.getElementById('use').disabled", true);
    assert.equal((await billing.used("ann@example.com")).length, 3);
    assert.deepEqual(tab.said, []);
  },

  async "the token lies in a cookie that scripts of this page can read, and the secret one nowhere"(tab, { url, billing }) {
    await subscribed(tab, url, "bob");
    const cookies = await tab.call("Network.getCookies", { urls: [`${url}api/paylera/track`] });
    const [cookie] = cookies.cookies.filter(({ name }) => name === "paylera_csrf");
    assert.deepEqual([cookie.path, cookie.httpOnly, cookie.sameSite], ["/api/paylera", false, "Lax"]);
    assert.equal(await tab.eval("document.cookie"), "", "not sent to, and not seen by, the rest of the site");
    assert.ok(billing.token.startsWith("pl_test_"));
    assert.ok(!(await tab.eval("document.documentElement.outerHTML")).includes(billing.token));
  },

  async "without the header nothing is recorded"(tab, { url, billing }) {
    await subscribed(tab, url, "carl");
    const bare = `fetch("/api/paylera/track", { method: "POST", body: '{"feature_code":"api_calls","value":1}',
      headers: { "Content-Type": "application/json", "X-Demo-User": "carl" } }).then(async (it) => [it.status, (await it.json()).type].join())`;
    assert.equal(await tab.eval(bare), "403,paylera.csrf_mismatch");
    assert.deepEqual(await billing.used("carl@example.com"), []);
  },

  async "an event that the API signed is shown, once, and a forged one is not"(tab, { url, billing }) {
    await subscribed(tab, url, "dora");
    const [{ id }] = (await billing.ask("GET", "/v1/customers?email=dora%40example.com")).data;
    const deliver = async (type, event, secret) => {
      const body = JSON.stringify({ id: event, type, api_version: "2026-05-01", data: { object: { id: `of ${event}`, customer_id: id } } });
      const at = Math.floor(Date.now() / 1000);
      const signature = createHmac("sha256", secret).update(`${at}.${body}`).digest("hex");
      const answer = await fetch(`${url}webhooks/paylera`, { method: "POST", body, headers: { "Paylera-Signature": `t=${at},v1=${signature}` } });
      return answer.ok;
    };
    assert.equal(await deliver("invoice.paid", "evt_1", "a forger's secret"), false);
    assert.equal(await deliver("invoice.paid", "evt_2", webhookSecret), true);
    assert.equal(await deliver("invoice.paid", "evt_2", webhookSecret), true, "a repeat is taken, and does nothing");
    assert.equal(await deliver("subscription.canceled", "evt_3", webhookSecret), true);
    const account = `fetch("/account", { headers: { "X-Demo-User": "dora" } }).then((it) => it.text())`;
    assert.equal(await tab.eval(account), `your customer number is ${id}; invoices paid: 1; subscriptions ended: 1\n`);
  },

  async "a page from elsewhere gets nothing done"(tab, { url, elsewhere, billing }) {
    await subscribed(tab, url, "eve");
    const before = (await billing.customers()).length;
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
    assert.deepEqual(await billing.used("eve@example.com"), []);
    assert.equal((await billing.customers()).length, before);
  },
};

const billing = await new Billing().start(farebox);
const elsewhere = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<!doctype html><title>Elsewhere</title>"));
const foreign = (await listening(elsewhere)).replace("127.0.0.1", "localhost");
const environment = { ...process.env, PAYLERA_API_TOKEN: billing.token, PAYLERA_RELAY_SECRET: "a secret for the browser's own test", PAYLERA_WEBHOOK_SECRET: webhookSecret };
const app = spawn(example, ["--listen", "127.0.0.1:0", "--upstream-url", billing.url], { env: environment, stdio: ["ignore", "pipe", "inherit"] });
await runTests(chromium, tests, {
  begin: async () => {
    const [line] = await once(createInterface(app.stdout), "line");
    return [{ url: `${line.match(/http:\/\/[^\s]+/)[0]}/`, elsewhere: foreign, billing }];
  },
  end: async () => {
    app.kill("SIGTERM");
    elsewhere.close();
    elsewhere.closeAllConnections();
    await billing.stop();
  },
});
