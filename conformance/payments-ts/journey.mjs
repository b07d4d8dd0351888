// @nevermined-io/payments, unmodified, against `farebox serve`. Configured by NVM_BACKEND_URL alone: keys with a prefix that it
// does not know lead there. MODULES is the folder whose packages it takes; SELLER and BUYER are files with a key each.
//
// Every check is an assertion on what the SDK returned; the first that fails ends the run.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const modules = process.env.MODULES;
const sdk = (file) => import(pathToFileURL(`${modules}/node_modules/@nevermined-io/payments/dist/${file}`));
const { Payments, buildPaymentRequired, AgentTaskStatus } = await sdk("index.js");
const { paymentMiddleware } = await sdk("x402/express/index.js");
const express = createRequire(`${modules}/`)("express");

const NETWORK = "eip155:84532";
const SCHEME = "nvm:erc4337";

async function payments(path) {
  const { api_key: nvmApiKey } = JSON.parse(await readFile(path, "utf8"));
  return Payments.getInstance({ nvmApiKey });
}

const seller = await payments(process.env.SELLER);
const buyer = await payments(process.env.BUYER);
assert.equal(seller.getEnvironmentName(), "custom");

const required = (plan, more = {}) =>
  buildPaymentRequired(plan, { endpoint: "/ask", httpVerb: "POST", network: NETWORK, scheme: SCHEME, ...more });
const balance = async (plan) => Number((await seller.plans.getPlanBalance(plan, buyer.getAccountAddress())).balance);
// This SDK asks for a delegation with every token.
const ample = { provider: "erc4337", spendingLimitCents: 100_000, durationSecs: 3600, currency: "usdc" };
const delegationConfig = { delegationId: (await buyer.delegation.createDelegation(ample)).delegationId };
const token = async (plan, options = {}) =>
  (await buyer.x402.getX402AccessToken(plan, options.agentId, { delegationConfig, ...options.token })).accessToken;

async function refused(code, call) {
  await assert.rejects(call, (error) => `${error.code} ${error.message}`.includes(code) || assert.fail(`${error.code}: ${error}`));
}

async function plansOfEveryKind() {
  const free = seller.plans.getFreePriceConfig();
  const about = { name: "Ten credits", description: "for the journey" };
  const { planId } = await seller.plans.registerCreditsPlan(about, free, seller.plans.getDynamicCreditsConfig(10n, 1n, 5n));
  assert.equal((await seller.plans.getPlan(planId)).id, planId);
  const listed = await seller.plans.getPlans(1, 100, "created", "asc");
  assert.ok(listed.plans.some((plan) => plan.id === planId), "a plan is listed");
  assert.equal((await buyer.plans.orderPlan(planId)).success, true);
  assert.equal(await balance(planId), 10);

  const timed = await seller.plans.registerTimePlan(about, free, seller.plans.getExpirableDurationConfig(3600n));
  await buyer.plans.orderPlan(timed.planId);
  const pass = await token(timed.planId);
  for (let use = 0; use < 3; use++) {
    const settled = { paymentRequired: required(timed.planId), x402AccessToken: pass, maxAmount: 1n };
    assert.equal((await seller.facilitator.settlePermissions(settled)).success, true);
  }
  const trial = await seller.plans.registerCreditsTrialPlan(about, free, seller.plans.getFixedCreditsConfig(3n, 1n));
  await buyer.plans.orderPlan(trial.planId);
  await refused("trial", () => buyer.plans.orderPlan(trial.planId));
  assert.equal(await balance(trial.planId), 3);
  return planId;
}

async function reusableToken(plan) {
  const call = { paymentRequired: required(plan), x402AccessToken: await token(plan), maxAmount: 2n };
  const verified = await seller.facilitator.verifyPermissions(call);
  assert.equal(verified.isValid, true);
  assert.equal(verified.payer.toLowerCase(), buyer.getAccountAddress().toLowerCase());
  assert.equal(await balance(plan), 10, "verify is a simulation");
  const named = { ...call, agentRequestId: verified.agentRequestId };
  const receipt = await seller.facilitator.settlePermissions(named);
  assert.deepEqual(await seller.facilitator.settlePermissions(named), receipt);
  assert.deepEqual([receipt.success, receipt.creditsRedeemed, receipt.remainingBalance], [true, "2", "8"]);

  const creditsReceiver = buyer.getAccountAddress();
  await seller.plans.mintPlanCredits(plan, 5n, creditsReceiver);
  await seller.plans.mintPlanExpirable(plan, 5n, creditsReceiver, 3600n);
  assert.equal(await balance(plan), 18);
}

async function agentsAndWhatTheyReport(plan) {
  const endpoints = [{ POST: "https://agent.example/ask" }];
  const { agentId } = await seller.agents.registerAgent({ name: "Asker" }, { endpoints }, [plan]);
  assert.equal((await seller.agents.getAgent(agentId)).id, agentId);
  await seller.agents.updateAgentMetadata(agentId, { name: "Renamed" }, { endpoints });
  assert.ok((await seller.agents.getAgents(1, 100)).agents.some((agent) => agent.metadata.main.name === "Renamed"));
  assert.ok(JSON.stringify(await seller.agents.getAgentPlans(agentId)).includes(plan));
  assert.ok(JSON.stringify(await seller.plans.getAgentsAssociatedToAPlan(plan)).includes(agentId));
  await seller.agents.removePlanFromAgent(plan, agentId);
  await seller.agents.addPlanToAgent(plan, agentId);

  const call = { paymentRequired: required(plan, { agentId }), x402AccessToken: await token(plan, { agentId }), maxAmount: 1n };
  const { agentRequest, agentRequestId } = await seller.facilitator.verifyPermissions(call);
  assert.deepEqual([agentRequest.agentName, agentRequest.agentId], ["Renamed", agentId]);
  const task = { agentRequestId, creditsToRedeem: 1, tag: "search", description: "looked up", status: AgentTaskStatus.SUCCESS };
  assert.equal((await seller.requests.trackAgentSubTask(task)).success, true);
  const simulated = await seller.requests.startSimulationRequest({ pricePerCredit: 0.01, agentName: "Tester" });
  assert.equal(simulated.agentName, "Tester");
  assert.equal((await seller.requests.finishSimulationRequest(simulated.agentRequestId)).success, true);
  return agentId;
}

async function delegations(plan) {
  const terms = { provider: "erc4337", spendingLimitCents: 25, durationSecs: 3600, currency: "usdc" };
  const { delegationId } = await buyer.delegation.createDelegation({ ...terms, maxTransactions: 1 });
  const under = (id) => ({ token: { delegationConfig: { delegationId: id } } });
  const once = { paymentRequired: required(plan), x402AccessToken: await token(plan, under(delegationId)), maxAmount: 1n };
  assert.equal((await seller.facilitator.settlePermissions(once)).success, true);
  await refused("BCK.X402.0019", () => seller.facilitator.settlePermissions(once));
  const { delegations: listed, totalResults } = await buyer.delegation.listDelegations();
  assert.ok(totalResults >= 1 && listed.some((row) => row.delegationId === delegationId && row.status === "Exhausted"));

  // 100 credits for 10 dollars: two of them are within 25 cents, a third is not.
  const fiat = seller.plans.getFiatPriceConfig(10_000_000n, seller.getAccountAddress());
  const config = seller.plans.getDynamicCreditsConfig(100n, 1n, 5n);
  const { planId: priced } = await seller.plans.registerCreditsPlan({ name: "Priced" }, fiat, config);
  await refused("price", () => buyer.plans.orderPlan(priced));
  await seller.plans.mintPlanCredits(priced, 100n, buyer.getAccountAddress());
  const limited = await buyer.delegation.createDelegation(terms);
  const pay = { paymentRequired: required(priced), x402AccessToken: await token(priced, under(limited.delegationId)), maxAmount: 1n };
  await seller.facilitator.settlePermissions(pay);
  await seller.facilitator.settlePermissions(pay);
  await refused("BCK.X402.0019", () => seller.facilitator.settlePermissions(pay));
  const power = await buyer.delegation.getPurchasingPower();
  assert.equal(power.cards[0].provider, "erc4337");
  assert.ok(power.delegations.length >= 1 && power.totalRemainingBudgetCents >= 5, JSON.stringify(power));
}

// A paid request as the SDK's documentation shows it, at any seller.
async function pays(url, plan) {
  const ask = (headers = {}) =>
    fetch(`${url}/ask`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ query: "2+2" }),
    });
  const open = (answer, name) => JSON.parse(Buffer.from(answer.headers.get(name), "base64").toString());
  const before = await balance(plan);
  const unpaid = await ask();
  assert.equal(unpaid.status, 402);
  const [offer] = open(unpaid, "payment-required").accepts;
  const { accessToken } = await buyer.x402.getX402AccessToken(offer.planId, offer.extra?.agentId, { delegationConfig });
  const paid = await ask({ "payment-signature": accessToken });
  assert.equal(paid.status, 200);
  assert.match((await paid.json()).response, /2\+2/);
  const receipt = open(paid, "payment-response");
  assert.deepEqual([receipt.success, receipt.creditsRedeemed], [true, "1"]);
  assert.equal(await balance(plan), before - 1);
}

// The SDK's own middleware as the seller.
async function behindItsMiddleware(plan, agentId) {
  const app = express();
  app.use(express.json());
  app.use(paymentMiddleware(seller, { "POST /ask": { planId: plan, credits: 1, agentId } }));
  app.post("/ask", (request, response) => response.json({ response: `asked ${request.body.query}` }));
  const server = await new Promise((ready) => {
    const listening = app.listen(0, "127.0.0.1", () => ready(listening));
  });
  await pays(`http://127.0.0.1:${server.address().port}`, plan);
  server.close();
}

// examples/gate-app as the seller.
async function behindOurGate(plan) {
  const { api_key: FAREBOX_SELLER_KEY } = JSON.parse(await readFile(process.env.SELLER, "utf8"));
  const options = ["--listen", "127.0.0.1:0", "--backend", process.env.NVM_BACKEND_URL, "--plan", plan];
  const env = { ...process.env, FAREBOX_SELLER_KEY };
  const app = spawn(process.env.GATE_APP, options, { env, stdio: ["ignore", "pipe", "ignore"] });
  try {
    const [line] = await once(app.stdout, "data");
    await pays(String(line).trim().split(" ").at(-1), plan);
  } finally {
    app.kill("SIGTERM");
    await once(app, "exit");
  }
}

const plan = await plansOfEveryKind();
await reusableToken(plan);
const agent = await agentsAndWhatTheyReport(plan);
await delegations(plan);
await behindItsMiddleware(plan, agent);
await behindOurGate(plan);
console.log("payments-ts: every check passed");
process.exit(0);
