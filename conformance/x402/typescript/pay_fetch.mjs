// The official TypeScript client: one after another, side by side, metered, and what must not be charged.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.MODULES}/`);
const { createPublicClient, http } = require("viem");
const { privateKeyToAccount } = require("viem/accounts");
const { baseSepolia } = require("viem/chains");
const { toClientEvmSigner } = require("@x402/evm");
const { ExactEvmScheme } = require("@x402/evm/exact/client");
const { UptoEvmScheme } = require("@x402/evm/upto/client");
const { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } = require("@x402/fetch");

const PRICE = "10000";
const chain = createPublicClient({ chain: baseSepolia, transport: http(process.env.RPC_URL) });
const signer = toClientEvmSigner(privateKeyToAccount(process.env.PAYER_KEY), chain);
const client = new x402Client()
  .register("eip155:*", new ExactEvmScheme(signer))
  .register("eip155:*", new UptoEvmScheme(signer));
const pay = wrapFetchWithPayment(fetch, client);
const get = (path) => pay(process.env.PAID_API + path);

async function receipt(kind, answer, price) {
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  if (kind === "paid") assert.match(text, /paid content/);
  const { success, transaction, amount } = decodePaymentResponseHeader(answer.headers.get("payment-response"));
  assert.equal(success, true);
  return { kind, transaction, amount: amount ?? price };
}

assert.equal((await get("/free")).status, 200);
const receipts = [await receipt("paid", await get("/paid"), PRICE)];
const together = await Promise.all([1, 2, 3].map(() => get("/paid")));
for (const answer of together) receipts.push(await receipt("paid", answer, PRICE));
assert.equal((await get("/fail")).status, 500);
receipts.push(await receipt("upto", await get("/upto")));
console.log(JSON.stringify(receipts));
