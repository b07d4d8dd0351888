// Compiles the contracts beside this file; `--check` compares instead of writing. npm's solc comes from FAREBOX_NODE_MODULES.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const modules = process.env.FAREBOX_NODE_MODULES;
if (!modules) throw new Error("FAREBOX_NODE_MODULES must name a node_modules folder with solc 0.8.28");
const solc = createRequire(join(modules, "solc", "package.json"))("solc");

// What is placed on a chain is the code that runs there; what is called without an address is the code that makes it.
const RUNTIME = ["TestUsd", "Permit2", "X402ExactPermit2Proxy", "X402UptoPermit2Proxy", "Multicall3", "SmartWalletFactory"];
const CREATION = ["Probe", "SmartWallet"];

const files = readdirSync(here).filter((name) => name.endsWith(".sol"));
const sources = Object.fromEntries(files.map((name) => [name, { content: readFileSync(join(here, name), "utf8") }]));
const settings = {
  optimizer: { enabled: true, runs: 200 },
  evmVersion: "paris",
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["evm.bytecode.object", "evm.deployedBytecode.object"] } },
};
const output = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
const errors = (output.errors ?? []).filter((one) => one.severity === "error");
if (errors.length) throw new Error(errors.map((one) => one.formattedMessage).join("\n"));
const contracts = Object.assign({}, ...Object.values(output.contracts));

const artifacts = new Map([
  ...RUNTIME.map((name) => [`${name}.hex`, contracts[name].evm.deployedBytecode.object]),
  ...CREATION.map((name) => [`${name}.creation.hex`, contracts[name].evm.bytecode.object]),
]);
const folder = join(here, "artifacts");
mkdirSync(folder, { recursive: true });
let differs = false;
for (const [name, code] of artifacts) {
  const path = join(folder, name);
  if (!process.argv.includes("--check")) writeFileSync(path, `${code}\n`);
  else if (readFileSync(path, "utf8").trim() !== code) {
    console.error(`${name} is not what its source compiles to: run node crates/evm/contracts/build.mjs`);
    differs = true;
  }
}
process.exit(differs ? 1 : 0);
