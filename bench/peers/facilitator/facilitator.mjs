// The official TypeScript facilitator behind node's own HTTP server. RPC_URL and SIGNER_KEY are its only settings; NODE_PATH
// does not reach ES modules, so MODULES names the folder to take packages from. Prints its URL once it listens.
import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.MODULES}/`);
const { createWalletClient, http, publicActions } = require("viem");
const { nonceManager, privateKeyToAccount } = require("viem/accounts");
const { baseSepolia } = require("viem/chains");
const { x402Facilitator } = require("@x402/core/facilitator");
const { toFacilitatorEvmSigner } = require("@x402/evm");
const { registerExactEvmScheme } = require("@x402/evm/exact/facilitator");
const { UptoEvmScheme } = require("@x402/evm/upto/facilitator");

const NETWORK = "eip155:84532";
const account = privateKeyToAccount(process.env.SIGNER_KEY, { nonceManager });
// Its own choice would be to ask for a receipt again after seconds.
const client = createWalletClient({
  account,
  chain: baseSepolia,
  transport: http(process.env.RPC_URL),
  pollingInterval: 20,
}).extend(publicActions);
const signer = toFacilitatorEvmSigner({ ...client, address: account.address });
const facilitator = registerExactEvmScheme(new x402Facilitator(), { signer, networks: NETWORK });
facilitator.register(NETWORK, new UptoEvmScheme(signer));

async function answer(request) {
  if (request.url === "/supported") return facilitator.getSupported();
  const parts = [];
  for await (const part of request) parts.push(part);
  const { paymentPayload, paymentRequirements } = JSON.parse(Buffer.concat(parts));
  if (request.url === "/verify") return facilitator.verify(paymentPayload, paymentRequirements);
  if (request.url === "/settle") return facilitator.settle(paymentPayload, paymentRequirements);
  throw new Error(`no such path: ${request.url}`);
}

const server = createServer(async (request, response) => {
  let status = 200;
  let body;
  try {
    body = await answer(request);
  } catch (error) {
    status = 500;
    body = { error: String(error) };
  }
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
