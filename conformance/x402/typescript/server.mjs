// The official TypeScript server, with the routes of `examples/paid-api`. FACILITATOR and PAY_TO are its only settings, MODULES
// is the folder to take packages from. Prints its URL once it listens.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.MODULES}/`);
const express = require("express");
const { HTTPFacilitatorClient } = require("@x402/core/server");
const { ExactEvmScheme } = require("@x402/evm/exact/server");
const { UptoEvmScheme } = require("@x402/evm/upto/server");
const { paymentMiddleware, setSettlementOverrides, x402ResourceServer } = require("@x402/express");

const network = "eip155:84532";
const accepts = (scheme, price) => ({ accepts: { scheme, network, price, payTo: process.env.PAY_TO } });
const resources = new x402ResourceServer(new HTTPFacilitatorClient({ url: process.env.FACILITATOR }))
  .register(network, new ExactEvmScheme())
  .register(network, new UptoEvmScheme());
const routes = {
  "GET /paid": accepts("exact", "$0.01"),
  "GET /fail": accepts("exact", "$0.01"),
  "GET /upto": accepts("upto", "$0.10"),
};

const app = express();
app.use(paymentMiddleware(routes, resources));
app.get("/free", (_, response) => response.json({ content: "free content" }));
app.get("/paid", (_, response) => response.json({ content: "paid content" }));
app.get("/fail", (_, response) => response.status(500).json({ error: "as asked" }));
app.get("/upto", (_, response) => {
  setSettlementOverrides(response, { amount: "1234" });
  response.json({ content: "metered content" });
});
const server = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
