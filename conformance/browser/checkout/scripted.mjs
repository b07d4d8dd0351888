// What a browser makes of a checkout whose cards are taken by the provider's own script. The scripts, and the providers behind
// them, are programs of ours here, on this machine. usage: node scripted.mjs CHROMIUM FAREBOX NODE_MODULES
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import { runTests } from "../tests.mjs";

const [chromium, farebox, modules] = process.argv.slice(2);
const axe = readFileSync(join(modules, "axe-core/axe.min.js"), "utf8");
const STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const folder = mkdtempSync(join(tmpdir(), "farebox-scripted-"));
const gone = [() => rmSync(folder, { recursive: true, force: true })];

async function listening(handle) {
  const server = createServer(async (request, answer) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { pathname, searchParams } = new URL(request.url, "http://here");
    const [status, body, type] = handle(request.method, pathname, Buffer.concat(chunks).toString(), searchParams) ?? [404, {}];
    const headers = { "content-type": type ?? "application/json", "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
    answer.writeHead(status, headers).end(type ? body : JSON.stringify(body));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  gone.unshift(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

/** The merchant's own site, where the payer comes back to. */
const shop = await listening((_, path) => [200, `<!doctype html><title>Shop</title><h1>${path.slice(1)}</h1>`, "text/html"]);

const FIELDS = [200, "<!doctype html><html lang=en><title>Card fields</title><main><h1>Card</h1><label>Card <input></label></main>", "text/html"];

/** Stripe, as far as a payment in its element needs it. */
const intents = new Map();
const STRIPE = `window.Stripe = (key) => {
  const origin = new URL(document.querySelector("script[src]").src).origin;
  const call = async (path) => (await fetch(origin + path + "?key=" + key)).json();
  return {
    retrievePaymentIntent: async (secret) => ({ paymentIntent: await call("/browser/" + secret) }),
    elements: ({ clientSecret }) => ({ clientSecret, create: () => ({ mount: (where) => {
      const frame = document.createElement("iframe");
      frame.title = "Card"; frame.src = origin + "/fields"; frame.style.width = "100%";
      document.querySelector(where).append(frame);
    } }) }),
    confirmPayment: async ({ elements, confirmParams }) => {
      const intent = await call("/browser/" + elements.clientSecret + "/confirm");
      if (intent.last_payment_error) return { error: intent.last_payment_error };
      location.assign(confirmParams.return_url + "?payment_intent=" + intent.id + "&redirect_status=succeeded");
      return new Promise(() => {});
    },
  };
};`;
const stripe = await listening((method, path, body, query) => {
  if (path === "/v3/") return [200, STRIPE, "text/javascript"];
  if (path === "/fields") return FIELDS;
  const [, first, id, verb] = path.split("/");
  if (first === "browser") {
    if (query.get("key") !== "pk_test_browser") return [401, {}];
    const intent = [...intents.values()].find((one) => one.client_secret === id);
    if (verb === "confirm") {
      // The first card of each payment is declined.
      if (intent.tries++ === 0) intent.last_payment_error = { code: "card_declined", message: "Your card was declined." };
      else Object.assign(intent, { status: "succeeded", amount_received: intent.amount, last_payment_error: null });
    }
    return [200, intent];
  }
  if (method === "POST" && path === "/v1/payment_intents") {
    const form = new URLSearchParams(body), id = `pi_${intents.size}`;
    assert.equal(form.get("payment_method"), null);
    const metadata = { farebox_payment: form.get("metadata[farebox_payment]"), farebox_in_browser: form.get("metadata[farebox_in_browser]") };
    intents.set(id, { id, status: "requires_payment_method", amount: Number(form.get("amount")), amount_received: 0,
      currency: form.get("currency"), client_secret: `${id}_secret`, metadata, tries: 0 });
    return [200, intents.get(id)];
  }
  return intents.has(path.split("/")[3]) ? [200, intents.get(path.split("/")[3])] : undefined;
});

/** Toss Payments, as far as a payment in its window needs it. */
const orders = new Map();
const TOSS = `window.TossPayments = (key) => ({ payment: () => ({ requestPayment: async (asked) => {
  const origin = new URL(document.querySelector("script[src]").src).origin;
  const paid = await fetch(origin + "/window", { method: "POST", body: JSON.stringify({ ...asked, key }) });
  const { paymentKey } = await paid.json();
  const back = { paymentType: "NORMAL", orderId: asked.orderId, paymentKey, amount: asked.amount.value };
  location.assign(asked.successUrl + "?" + new URLSearchParams(back));
} }) });
window.TossPayments.ANONYMOUS = "anonymous";`;
const toss = await listening((method, path, body) => {
  if (path === "/v2/standard") return [200, TOSS, "text/javascript"];
  if (path === "/window") {
    const asked = JSON.parse(body);
    assert.deepEqual([asked.key, asked.method, asked.amount.currency], ["test_ck_browser", "CARD", "KRW"]);
    const order = { paymentKey: `key_${orders.size}`, orderId: asked.orderId, status: "IN_PROGRESS", currency: "KRW",
      totalAmount: asked.amount.value, balanceAmount: asked.amount.value, approvedAt: null };
    orders.set(asked.orderId, order);
    return [200, order];
  }
  if (method === "POST" && path === "/v1/payments/confirm") {
    const { paymentKey, orderId, amount } = JSON.parse(body), order = orders.get(orderId);
    if (order?.paymentKey !== paymentKey || order.totalAmount !== amount) return [400, { code: "INVALID_REQUEST", message: "" }];
    return [200, Object.assign(order, { status: "DONE", approvedAt: "2026-11-21T18:00:09+09:00" })];
  }
  const order = orders.get(path.split("/").at(-1));
  return order ? [200, order] : [404, { code: "NOT_FOUND_PAYMENT", message: "" }];
});

/** A merchant of its own, whose checkouts go through that provider. */
async function selling(provider, secret, price, flags) {
  const home = join(folder, provider);
  const env = { ...process.env, DATABASE_URL: `sqlite:${home}.db`, FAREBOX_SECRET_KEY: "44".repeat(32), FAREBOX_LOG: "warn", PAYMENT_API_KEY: secret };
  const run = (...args) => JSON.parse(execFileSync(farebox, [...args, "--json"], { env, cwd: folder }));
  run("init", "--merchant", "shop", "--mode", "test");
  const token = run("token", "create").api_token;
  const args = ["serve", "--listen", "127.0.0.1:0", "--json", "--provider", provider, ...flags];
  const server = spawn(farebox, args, { env, cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  gone.unshift(() => server.kill());
  const [line] = await once(createInterface(server.stdout), "line");
  const base = JSON.parse(line).listening;
  const ask = async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "idempotency-key": crypto.randomUUID() };
    const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  const plan = await ask("PUT", "/v1/admin/plans/pro", { code: "pro", name: "Pro \"<b>\"", prices: [{ ...price, interval: "month" }], features: {} });
  const attached = await ask("POST", "/v1/attach", {
    customer_email: "ann@example.com", customer_name: "Ann", plan_id: plan.id, success_url: `${shop}/welcome`, cancel_url: `${shop}/pricing`,
  });
  return { url: attached.checkout_url, status: async () => (await ask("GET", `/v1/subscriptions/${attached.subscription_id}`)).status };
}

/** What the page says once it is as wanted; fails after ten seconds. */
async function until(tab, expression, wanted) {
  let found;
  for (let tries = 0; tries < 200; tries++) {
    found = await tab.eval(expression).catch(() => undefined);
    if (found === wanted) return;
    await sleep(50);
  }
  assert.equal(found, wanted, expression);
}

const heading = "document.querySelector('h1').textContent";
const pay = "document.querySelector('button.main').click()";

const tests = {
  async "a card in Stripe's own fields is declined, another one pays, and nothing breaks the page's policy"(tab) {
    const flags = ["--stripe-url", stripe, "--stripe-script-url", `${stripe}/v3/`, "--stripe-publishable-key", "pk_test_browser"];
    const { url, status } = await selling("stripe", "sk_test_1", { amount: 4999, currency: "USD" }, flags);
    await tab.open(url);
    assert.deepEqual(tab.requests, [url], "the first page loads nothing but itself");
    await tab.eval(pay);
    await until(tab, "document.querySelector('#fields iframe')?.title", "Card");
    await tab.eval(axe);
    const runOnly = JSON.stringify({ type: "tag", values: STANDARDS });
    assert.deepEqual(await tab.eval(`axe.run(document, { iframes: false, runOnly: ${runOnly} }).then((it) => it.violations.map(({ id }) => id))`), []);
    await tab.eval(pay);
    await until(tab, "document.querySelector('#note').textContent", "Your card was declined.");
    assert.equal(await status(), "pending_activation");
    assert.deepEqual(tab.said, [], "what it needs is let in");
    await tab.eval("new Promise((done) => { const it = document.createElement('script'); it.src = 'http://127.0.0.1:9/x.js'; it.onerror = done; document.body.append(it); })");
    assert.ok(tab.said.some((line) => line.includes("Content Security Policy")), `nothing else is: ${tab.said}`);
    await tab.eval(pay);
    await until(tab, heading, "welcome");
    assert.equal(await status(), "active");
    assert.deepEqual([...intents.values()].map((one) => one.status), ["succeeded"], "one intent for all of it");
  },

  async "the window of Toss Payments pays what is due, and the address keeps nothing of it"(tab) {
    const flags = ["--toss-url", toss, "--toss-script-url", `${toss}/v2/standard`, "--toss-client-key", "test_ck_browser"];
    const { url, status } = await selling("toss", "test_sk_1", { amount: 15000, currency: "KRW" }, flags);
    await tab.open(url);
    await tab.eval(pay);
    await until(tab, "document.querySelector('#pay')?.dataset.minor", "15000");
    assert.deepEqual(tab.said, []);
    await tab.eval(pay);
    await until(tab, heading, "welcome");
    assert.equal(await status(), "active");
    assert.deepEqual([...orders.values()].map((one) => one.status), ["DONE"]);
  },
};

await runTests(chromium, tests, { end: () => gone.splice(0).forEach((one) => one()) });
