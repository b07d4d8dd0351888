// What a browser makes of the checkout page of a real `farebox serve`. usage: node test.mjs CHROMIUM FAREBOX NODE_MODULES
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

import { runTests } from "../tests.mjs";

const [chromium, farebox, modules] = process.argv.slice(2);
const axe = readFileSync(join(modules, "axe-core/axe.min.js"), "utf8");
const contrast = readFileSync(new URL("../paywall/contrast.js", import.meta.url), "utf8");
const STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const folder = mkdtempSync(join(tmpdir(), "farebox-checkout-"));
const env = { ...process.env, DATABASE_URL: `sqlite:${join(folder, "farebox.db")}`, FAREBOX_SECRET_KEY: "44".repeat(32), FAREBOX_LOG: "warn" };
const run = (...args) => JSON.parse(execFileSync(farebox, [...args, "--json"], { env, cwd: folder }));
run("init", "--merchant", "shop", "--mode", "test");
const token = run("token", "create").api_token;
const server = spawn(farebox, ["serve", "--listen", "127.0.0.1:0", "--json"], { env, cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
const [line] = await once(createInterface(server.stdout), "line");
const base = JSON.parse(line).listening;

/** The merchant's own site, where the payer comes back to. */
const merchant = createServer((request, answer) => {
  answer.setHeader("content-type", "text/html").end(`<!doctype html><title>Shop</title><h1>${request.url.split("?")[0].slice(1)}</h1>`);
}).listen(0, "127.0.0.1");
await once(merchant, "listening");
const shop = `http://127.0.0.1:${merchant.address().port}`;

async function ask(method, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "idempotency-key": crypto.randomUUID() };
  const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

let customers = 0;
const plan = await ask("PUT", "/v1/admin/plans/pro", {
  code: "pro", name: "Pro <b>& more</b>", prices: [{ amount: 4999, currency: "USD", interval: "month" }], features: {},
});

/** A checkout of its own. */
async function checkout() {
  const attached = await ask("POST", "/v1/attach", {
    customer_email: `ann${++customers}@example.com`, customer_name: "Ann", plan_id: plan.id,
    success_url: `${shop}/welcome?session={CHECKOUT_SESSION_ID}`, cancel_url: `${shop}/pricing`,
  });
  return {
    url: attached.checkout_url,
    session: attached.checkout_session_id,
    status: async () => (await ask("GET", `/v1/subscriptions/${attached.subscription_id}`)).status,
    paid: async () => (await ask("GET", `/customers/${attached.customer_id}/payment-status`)).has_paid,
  };
}

/** The page's text once it is as wanted; fails after ten seconds. */
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
const choose = (method) => `document.querySelector('select').value = "${method}"`;
const press = (label) => `[...document.querySelectorAll('button,a.button')].find((it) => it.textContent.startsWith("${label}")).click()`;
const shot = async (tab, name) => {
  const { data } = await tab.call("Page.captureScreenshot", { format: "png" });
  if (process.env.FAREBOX_SCREENSHOTS) writeFileSync(join(process.env.FAREBOX_SCREENSHOTS, `${name}.png`), Buffer.from(data, "base64"));
};

const tests = {
  async "loads nothing but itself, breaks no rule of its policy, and shows what is due"(tab) {
    const { url } = await checkout();
    await tab.open(url);
    assert.deepEqual(tab.requests, [url]);
    assert.deepEqual(tab.said, []);
    const text = await tab.eval("document.body.innerText");
    for (const words of ["Pro <b>& more</b>", "49.99 USD", "each month", "no real money"]) assert.ok(text.includes(words), words);
    assert.equal(await tab.eval("getComputedStyle(document.querySelector('main')).maxWidth !== 'none'"), true, "the style is let in");
    await shot(tab, "open-light");
  },

  async "has no finding of axe and can be read, in either theme, before and after a decline"(tab) {
    const { url } = await checkout();
    for (const theme of ["light", "dark"]) {
      await tab.open(url, { theme });
      for (const stage of ["open", "declined"]) {
        if (stage === "declined") {
          await tab.eval(choose("pm_sim_declined"));
          await tab.eval(press("Pay"));
          await until(tab, "document.querySelector('[role=alert]')?.textContent.includes('declined') ?? false", true);
        }
        await tab.eval(axe);
        const runOnly = JSON.stringify({ type: "tag", values: STANDARDS });
        const found = await tab.eval(`axe.run(document, { runOnly: ${runOnly} }).then(({ violations, passes }) =>
          ({ violations: violations.map((it) => [it.id, it.nodes.map((node) => node.html)]), passes: passes.length }))`);
        assert.deepEqual(found.violations, [], `${stage} ${theme}`);
        assert.ok(found.passes > 10, `axe looked at ${found.passes} rules only`);
        const texts = await tab.eval(contrast);
        assert.ok(texts.length > 5, `only ${texts.length} texts were seen`);
        assert.deepEqual(texts.filter(({ ratio, least }) => ratio < least), [], `${stage} ${theme}`);
        await shot(tab, `${stage}-${theme}`);
      }
    }
  },

  async "fits: nothing sticks out at 320 pixels or at 1280"(tab) {
    const { url } = await checkout();
    for (const width of [320, 700, 1280]) {
      await tab.open(url, { width });
      const [inside, outside] = await tab.eval("[document.documentElement.scrollWidth, innerWidth]");
      assert.ok(inside <= outside, `it is ${inside} wide at ${width}`);
    }
  },

  async "after a decline another method pays, and the payer is back at the shop"(tab) {
    const { url, session, status, paid } = await checkout();
    await tab.open(url);
    await tab.eval(choose("pm_sim_insufficient_funds"));
    await tab.eval(press("Pay"));
    await until(tab, "document.querySelector('[role=alert]')?.textContent.includes('insufficient funds') ?? false", true);
    assert.equal(await status(), "pending_activation");
    await tab.eval(choose("pm_sim_ok"));
    await tab.eval(press("Pay"));
    await until(tab, heading, "welcome");
    assert.equal(await tab.eval("location.search"), `?session=${session}`);
    assert.deepEqual([await status(), await paid()], ["active", true]);
    await tab.open(url);
    assert.equal(await tab.eval(heading), "welcome", "who comes again is sent on");
  },

  async "the bank asks, the payer approves and is back"(tab) {
    const { url, status } = await checkout();
    await tab.open(url);
    await tab.eval(choose("pm_sim_3ds"));
    await tab.eval(press("Pay"));
    await until(tab, heading, "Simulated bank");
    await shot(tab, "bank");
    assert.equal(await status(), "pending_activation");
    await tab.open(url);
    await until(tab, "document.querySelector('[role=status]').textContent", "Your bank wants you to confirm this payment.");
    await shot(tab, "waits-for-bank");
    await tab.eval(press("Continue"));
    await until(tab, heading, "Simulated bank");
    await tab.eval(press("Approve"));
    await until(tab, heading, "welcome");
    assert.equal(await status(), "active");
  },

  async "an outcome that nobody knows is waited for, and found"(tab) {
    const { url, status } = await checkout();
    await tab.open(url);
    await tab.eval(choose("pm_sim_500_after"));
    await tab.eval(press("Pay"));
    await until(tab, heading, "welcome");
    assert.equal(await status(), "active");
  },

  async "who does not want to pay goes back"(tab) {
    const { url, status } = await checkout();
    await tab.open(url);
    await tab.eval(press("Go back"));
    await until(tab, heading, "pricing");
    assert.equal(await status(), "pending_activation");
  },

  async "is used with the keyboard alone, and the focus is seen"(tab) {
    const { url } = await checkout();
    await tab.open(url);
    const focused = [];
    for (let presses = 0; presses < 3; presses++) {
      await tab.press("Tab");
      const [name, outline] = await tab.eval(`(() => {
        const style = getComputedStyle(document.activeElement);
        return [document.activeElement.tagName, style.outlineStyle + " " + style.outlineWidth];
      })()`);
      focused.push(name);
      assert.equal(outline, "solid 3px", `the focus on ${name} is seen`);
    }
    assert.deepEqual(focused, ["SELECT", "BUTTON", "BUTTON"]);
  },
};

await runTests(chromium, tests, {
  end: () => {
    server.kill();
    merchant.close();
    rmSync(folder, { recursive: true, force: true });
  },
});
