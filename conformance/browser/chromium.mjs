// A headless Chromium, spoken to over a pipe: no driver, no port.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FLAGS = [
  "--headless=new", "--remote-debugging-pipe", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-default-browser-check",
  "--no-first-run", "--no-proxy-server", "--hide-scrollbars",
];

export class Chromium {
  #process;
  #profile = mkdtempSync(join(tmpdir(), "farebox-browser-"));
  #calls = new Map();
  #listeners = new Map();
  #last = 0;
  #rest = "";

  constructor(executable) {
    // Chromium refuses to run as root with its sandbox on; CI containers are root.
    const flags = process.getuid() === 0 ? [...FLAGS, "--no-sandbox"] : FLAGS;
    const stdio = ["ignore", "ignore", "ignore", "pipe", "pipe"];
    this.#process = spawn(executable, [...flags, `--user-data-dir=${this.#profile}`, "about:blank"], { stdio });
    this.#process.stdio[4].setEncoding("utf8").on("data", (text) => this.#read(text));
    this.#process.on("exit", () => {
      for (const { reject } of this.#calls.values()) reject(new Error("chromium ended"));
    });
  }

  #read(text) {
    const messages = (this.#rest + text).split("\0");
    this.#rest = messages.pop();
    for (const message of messages.map((json) => JSON.parse(json))) {
      const call = this.#calls.get(message.id);
      this.#calls.delete(message.id);
      if (message.error) call?.reject(new Error(message.error.message));
      else if (call) call.resolve(message.result);
      else this.#listeners.get(message.sessionId)?.(message.method, message.params);
    }
  }

  call(method, params = {}, sessionId = undefined) {
    const id = ++this.#last;
    this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }));
  }

  async tab() {
    const { targetId } = await this.call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.call("Target.attachToTarget", { targetId, flatten: true });
    const tab = new Tab(this, sessionId, targetId);
    this.#listeners.set(sessionId, (method, params) => tab.happened(method, params));
    for (const domain of ["Page", "Runtime", "Network", "Log"]) await tab.call(`${domain}.enable`);
    return tab;
  }

  /** At once, without a word: for a test that is itself ended. */
  kill() {
    this.#process.kill("SIGKILL");
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async close() {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    await Promise.race([this.call("Browser.close").catch(() => {}), ended]);
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** One page, and everything that it asked for, said and threw. */
class Tab {
  requests = [];
  said = [];
  #loaded = () => {};

  constructor(browser, session, target) {
    Object.assign(this, { browser, session, target });
  }

  happened(method, params) {
    if (method === "Page.loadEventFired") this.#loaded();
    if (method === "Network.requestWillBeSent") this.requests.push(params.request.url);
    if (method === "Runtime.consoleAPICalled") this.said.push(params.args.map((it) => it.value).join(" "));
    if (method === "Runtime.exceptionThrown") this.said.push(params.exceptionDetails.text);
    if (method === "Log.entryAdded") this.said.push(params.entry.text);
  }

  call(method, params) {
    return this.browser.call(method, params, this.session);
  }

  async open(url, { theme = "light", motion = "no-preference", width = 1280, scripts = true } = {}) {
    const features = [["prefers-color-scheme", theme], ["prefers-reduced-motion", motion]];
    const metrics = { width, height: 800, deviceScaleFactor: 1, mobile: false };
    await this.call("Emulation.setEmulatedMedia", { features: features.map(([name, value]) => ({ name, value })) });
    await this.call("Emulation.setDeviceMetricsOverride", metrics);
    await this.call("Emulation.setScriptExecutionDisabled", { value: !scripts });
    const loaded = new Promise((resolve) => { this.#loaded = resolve; });
    this.requests.length = this.said.length = 0;
    await this.call("Page.navigate", { url });
    await loaded;
  }

  /** The value of an expression in the page; the page's policy does not bind it. */
  async eval(expression) {
    const params = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
    const { result, exceptionDetails } = await this.call("Runtime.evaluate", params);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async press(key) {
    for (const type of ["keyDown", "keyUp"]) {
      await this.call("Input.dispatchKeyEvent", { type, key, code: key, ...KEYS[key] });
    }
  }

  close() {
    return this.browser.call("Target.closeTarget", { targetId: this.target });
  }
}

const KEYS = {
  Tab: { windowsVirtualKeyCode: 9 },
  Enter: { windowsVirtualKeyCode: 13, text: "\r" },
};
