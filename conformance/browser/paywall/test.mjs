// What a browser makes of the paywall page. usage: node test.mjs CHROMIUM EXAMPLE NODE_MODULES
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { runTests } from "../tests.mjs";

const [chromium, example, modules] = process.argv.slice(2);
const axe = readFileSync(join(modules, "axe-core/axe.min.js"), "utf8");
const jsqr = readFileSync(join(modules, "jsqr/dist/jsQR.js"), "utf8");
const beside = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
// What Chromium itself says about the status of the document.
const STATUS = /^Failed to load resource: the server responded with a status of 402 /;

const tests = {
  async "loads nothing but itself, breaks no rule of its policy, and throws nothing"(tab, at) {
    for (const path of ["/forecast", "/refused", "/joke", "/generate", "/nowhere", "/live", "/hostile"]) {
      await tab.open(at(path));
      assert.deepEqual(tab.requests.filter((url) => !url.startsWith("data:")), [at(path)]);
      assert.deepEqual(tab.said.filter((text) => !STATUS.test(text)), [], path);
      assert.equal(tab.said.length, 1, "Chromium reports the 402, so it would report more");
      assert.match(await tab.eval("document.title"), / · Payment required$/);
    }
  },

  async "lets no other script in"(tab, at) {
    await tab.open(at("/hostile"));
    const ran = `(async () => {
      const broken = new Promise((resolve) => document.addEventListener("securitypolicyviolation", resolve, { once: true }));
      const script = document.createElement("script");
      script.textContent = "window.ran = true";
      document.body.append(script);
      return [(await broken).effectiveDirective, window.ran === undefined];
    })()`;
    assert.deepEqual(await tab.eval(ran), ["script-src-elem", true]);
    const loads = `new Promise((resolve) => {
      const picture = new Image();
      picture.onload = () => resolve("loaded");
      picture.onerror = () => resolve("refused");
      picture.src = "/other.png";
    })`;
    assert.equal(await tab.eval(loads), "refused");
    assert.equal(await tab.eval("fetch('/').then(() => 'sent', () => 'refused')"), "refused");
    assert.ok(tab.said.some((text) => text.includes("Content Security Policy")));
  },

  async "has no finding of axe in either theme"(tab, at) {
    for (const path of ["/forecast", "/refused", "/joke", "/hostile", "/white"]) {
      for (const theme of ["light", "dark"]) {
        await tab.open(at(path), { theme });
        await tab.eval(axe);
        const runOnly = JSON.stringify({ type: "tag", values: STANDARDS });
        const found = await tab.eval(`axe.run(document, { runOnly: ${runOnly} }).then(({ violations, passes }) =>
          ({ violations: violations.map((it) => [it.id, it.nodes.map((node) => node.html)]), passes: passes.length }))`);
        assert.deepEqual(found.violations, [], `${path} ${theme}`);
        assert.ok(found.passes > 25, `axe looked at ${found.passes} rules only`);
      }
    }
  },

  async "can be read: contrast of every text in both themes, for every accent"(tab, at) {
    for (const path of ["/forecast", "/refused", "/white", "/yellow"]) {
      for (const theme of ["light", "dark"]) {
        await tab.open(at(path), { theme });
        const texts = await tab.eval(beside("contrast.js"));
        assert.ok(texts.length > 40, `only ${texts.length} texts were seen`);
        assert.deepEqual(texts.filter(({ ratio, least }) => ratio < least), [], `${path} ${theme}`);
      }
    }
  },

  async "fits: nothing sticks out at 320 pixels or at 1280"(tab, at) {
    for (const path of ["/forecast", "/hostile", "/refused"]) {
      for (const width of [320, 700, 1280]) {
        await tab.open(at(path), { width });
        const [inside, outside] = await tab.eval("[document.documentElement.scrollWidth, innerWidth]");
        assert.equal(outside, width);
        assert.ok(inside <= width, `${path} is ${inside} wide at ${width}`);
      }
    }
  },

  async "is used with the keyboard alone"(tab, at) {
    await tab.open(at("/forecast"));
    const focused = [];
    for (let presses = 0; presses < 7; presses++) {
      await tab.press("Tab");
      const [name, outline] = await tab.eval(`(() => {
        const style = getComputedStyle(document.activeElement);
        return [document.activeElement.tagName, style.outlineStyle + " " + style.outlineWidth];
      })()`);
      focused.push(name);
      assert.equal(outline, "solid 3px", `the focus on ${name} is seen`);
    }
    assert.deepEqual(focused, ["BUTTON", "PRE", "BUTTON", "PRE", "BUTTON", "PRE", "A"]);
  },

  async "copies a command as it is shown, and says so"(tab, at) {
    await tab.browser.call("Browser.grantPermissions", {
      permissions: ["clipboardReadWrite", "clipboardSanitizedWrite"],
      origin: at(""),
    });
    await tab.call("Page.bringToFront");
    await tab.open(at("/nowhere?it's=\\`x`"));
    await tab.press("Tab");
    await tab.press("Enter");
    await sleep(100);
    assert.equal(await tab.eval("document.getElementById('said').textContent"), "Copied");
    // The server has no public URL here, so the page fills in its own address, and it stays between its quotes.
    const command = `farebox pay '${at("/nowhere?it%27s=%5c%60x%60")}'`;
    assert.equal(await tab.eval("navigator.clipboard.readText()"), command);
  },

  async "holds its own address in the code, and no order to pay"(tab, at) {
    await tab.open(at("/forecast?place=Oslo"), { theme: "dark" });
    await tab.eval(jsqr);
    assert.equal(await tab.eval(beside("qr.js")), "https://weather.example/forecast?place=Oslo");
    assert.deepEqual(await tab.eval("[...document.links].map((link) => link.protocol)"), ["mailto:"]);
  },

  async "hands the offer to clients in the page"(tab, at) {
    await tab.open(at("/forecast"));
    const { paymentRequired, ...rest } = await tab.eval("window.x402");
    assert.equal(paymentRequired.x402Version, 2);
    assert.equal(rest.amount, 0.01);
    assert.equal(rest.testnet, true);
    assert.equal(rest.currentUrl, "https://weather.example/forecast");
    assert.equal(rest.appName, "Weather, honestly");
  },

  async "is whole without scripts, and still for those who want no motion"(tab, at) {
    await tab.open(at("/forecast"), { scripts: false });
    const { root } = await tab.call("DOM.getDocument");
    const { nodeIds } = await tab.call("DOM.querySelectorAll", { nodeId: root.nodeId, selector: "button:not([hidden])" });
    assert.deepEqual(nodeIds, [], "no button that does nothing");
    await tab.open(at("/forecast"), { motion: "reduce" });
    const moving = "[...document.querySelectorAll('*')].filter((it) => parseFloat(getComputedStyle(it).transitionDuration))";
    assert.equal(await tab.eval(`${moving}.length`), 0);
    await tab.open(at("/forecast"));
    assert.notEqual(await tab.eval(`${moving}.length`), 0);
  },
};

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

async function answering(url) {
  for (let tries = 0; tries < 50; tries++) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer) return answer;
    await sleep(100);
  }
  throw new Error(`${example} does not answer on ${url}`);
}

const port = await freePort();
const server = spawn(example, ["--listen", `127.0.0.1:${port}`], { stdio: ["ignore", "inherit", "inherit"] });
const at = (path) => `http://127.0.0.1:${port}${path}`;
await runTests(chromium, tests, {
  begin: async () => {
    assert.equal((await answering(at("/forecast"))).status, 402);
    return [at];
  },
  end: () => server.kill(),
});
