// Places the token and the contracts it needs on a chain of tests, and gives its first ten accounts a million dollars each.
// usage: node place.mjs RPC_URL
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const url = process.argv[2];
const artifacts = join(dirname(fileURLToPath(import.meta.url)), "../../crates/evm/contracts/artifacts");
const PLACES = {
  "0x036CbD53842c5426634e7929541eC2318f3dCF7e": "TestUsd",
  "0x000000000022D473030F116dDEE9F6B43aC78BA3": "Permit2",
  "0x402085c248EeA27D92E8b30b2C58ed07f9E20001": "X402ExactPermit2Proxy",
  "0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002": "X402UptoPermit2Proxy",
  "0xcA11bde05977b3631167028862bE2a173976CA11": "Multicall3",
  "0xFaC7000000000000000000000000000000000001": "SmartWalletFactory",
};
const MILLION = 1_000_000_000_000n;

async function rpc(calls) {
  const body = JSON.stringify(calls.map(([method, params], id) => ({ jsonrpc: "2.0", id, method, params })));
  const answer = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  const answers = await answer.json();
  const failed = answers.find((one) => one.error);
  if (failed) throw new Error(JSON.stringify(failed.error));
  return answers.sort((a, b) => a.id - b.id).map((one) => one.result);
}

// A server that was just started needs a moment.
for (let tries = 0; ; tries++) {
  try {
    await rpc([["eth_chainId", []]]);
    break;
  } catch (error) {
    if (tries === 100) throw error;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const code = (name) => `0x${readFileSync(join(artifacts, `${name}.hex`), "utf8").trim()}`;
await rpc(Object.entries(PLACES).map(([address, name]) => ["anvil_setCode", [address, code(name)]]));
const [accounts] = await rpc([["eth_accounts", []]]);
const [token] = Object.keys(PLACES);
const word = (hex) => hex.replace(/^0x/, "").toLowerCase().padStart(64, "0");
await rpc(
  accounts.slice(0, 10).map((to) => [
    "eth_sendTransaction",
    [{ from: to, to: token, data: `0x40c10f19${word(to)}${word(MILLION.toString(16))}` }],
  ]),
);
