// Proves, with viem, that a chain's contracts behave as those they stand for, and that the probe's items do not see each other.
// usage: FAREBOX_NODE_MODULES=… node prove.mjs RPC_URL
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [url] = process.argv.slice(2);
const modules = process.env.FAREBOX_NODE_MODULES;
if (!url || !modules) throw new Error("usage: FAREBOX_NODE_MODULES=… node prove.mjs RPC_URL");
const require = createRequire(join(modules, "viem", "package.json"));
const viem = require("viem");
const { generatePrivateKey, privateKeyToAccount } = require("viem/accounts");

const TOKEN = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
const PERMIT2 = "0x000000000022D473030F116dDEE9F6B43aC78BA3";
const EXACT = "0x402085c248EeA27D92E8b30b2C58ed07f9E20001";
const UPTO = "0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002";
const MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11";
const FACTORY = "0xFac7000000000000000000000000000000000001";
const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;
const ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

const token = viem.parseAbi([
  "function mint(address to, uint256 value)",
  "function approve(address spender, uint256 value) returns (bool)",
  "function balanceOf(address) view returns (uint256)",
  "function allowance(address, address) view returns (uint256)",
  "function nonces(address) view returns (uint256)",
  "function authorizationState(address, bytes32) view returns (bool)",
  "function DOMAIN_SEPARATOR() view returns (bytes32)",
  "function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s)",
  "event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce)",
  "event Transfer(address indexed from, address indexed to, uint256 value)",
]);
const words = "address from, address to, uint256 value, uint256 validAfter, uint256 validBefore, bytes32 nonce";
const byWords = viem.parseAbi([`function transferWithAuthorization(${words}, uint8 v, bytes32 r, bytes32 s)`]);
const byBytes = viem.parseAbi([`function transferWithAuthorization(${words}, bytes signature)`]);
const structs = [
  "struct Permitted { address token; uint256 amount; }",
  "struct Permit { Permitted permitted; uint256 nonce; uint256 deadline; }",
  "struct Allowed { uint256 value; uint256 deadline; bytes32 r; bytes32 s; uint8 v; }",
];
const errors = ["InvalidNonce()", "InvalidSigner()", "UnauthorizedFacilitator()", "AmountExceedsPermitted()", "PaymentTooEarly()",
  "Permit2612AmountMismatch()", "SignatureExpired(uint256 deadline)"].map((one) => `error ${one}`);
const exact = viem.parseAbi([
  ...structs, ...errors, "struct Witness { address to; uint256 validAfter; }",
  "function settle(Permit permit, address owner, Witness witness, bytes signature)",
  "function settleWithPermit(Allowed allowed, Permit permit, address owner, Witness witness, bytes signature)",
]);
const upto = viem.parseAbi([
  ...structs, ...errors, "struct Witness { address to; address facilitator; uint256 validAfter; }",
  "function settle(Permit permit, uint256 amount, address owner, Witness witness, bytes signature)",
  "function settleWithPermit(Allowed allowed, Permit permit, uint256 amount, address owner, Witness witness, bytes signature)",
]);
const factory = viem.parseAbi([
  "function create(address owner, bytes32 salt) returns (address)",
  "function predict(address owner, bytes32 salt) view returns (address)",
]);
const multicall = viem.parseAbi([
  "struct Call3 { address target; bool allowFailure; bytes callData; }",
  "struct Result { bool success; bytes returnData; }",
  "function aggregate3(Call3[] calls) payable returns (Result[])",
]);

const id = Number(await (await fetch(url, {
  method: "POST", headers: { "content-type": "application/json" },
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] }),
})).json().then((answer) => answer.result));
const chain = viem.defineChain({
  id, name: "tests", nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 }, rpcUrls: { default: { http: [url] } },
});
const transport = viem.http(url);
const reader = viem.createPublicClient({ chain, transport, pollingInterval: 10, cacheTime: 0 });

const random = () => generatePrivateKey();
const person = () => privateKeyToAccount(random());
const withGas = async (account) => {
  await reader.request({ method: "anvil_setBalance", params: [account.address, viem.toHex(viem.parseEther("1"))] });
  return viem.createWalletClient({ account, chain, transport });
};
const read = (functionName, args = []) => reader.readContract({ address: TOKEN, abi: token, functionName, args });
const send = async (wallet, call) => {
  const hash = await wallet.writeContract(call);
  const receipt = await reader.waitForTransactionReceipt({ hash });
  assert.equal(receipt.status, "success", call.functionName);
  return receipt;
};
const refused = async (wallet, call, text) => {
  const told = await reader.simulateContract({ ...call, account: wallet.account }).then(() => "nothing", (error) => error.message);
  assert.ok(told.includes(text), `${call.functionName} should say "${text}", and said: ${told}`);
};
const proven = (what) => console.log(`proven: ${what}`);

const facilitator = await withGas(person());
const payer = person();
const seller = person().address;
const now = BigInt(Math.floor(Date.now() / 1000));
const mint = (to, value) => send(facilitator, { address: TOKEN, abi: token, functionName: "mint", args: [to, value] });
const earned = () => read("balanceOf", [seller]);
await mint(payer.address, 100_000_000n);

// EIP-3009.
const domain = { name: "USDC", version: "2", chainId: id, verifyingContract: TOKEN };
const word = (name, type) => ({ name, type });
const transferType = [word("from", "address"), word("to", "address"), word("value", "uint256"), word("validAfter", "uint256"),
  word("validBefore", "uint256"), word("nonce", "bytes32")];
const transfer = (change = {}) =>
  ({ from: payer.address, to: seller, value: 10_000n, validAfter: 0n, validBefore: now + 600n, nonce: random(), ...change });
const sign = (message, signer = payer) =>
  signer.signTypedData({ domain, types: { TransferWithAuthorization: transferType }, primaryType: "TransferWithAuthorization", message });
const values = (message) => transferType.map(({ name }) => message[name]);
const inWords = (message, signature) => {
  const { r, s, yParity } = viem.parseSignature(signature);
  const args = [...values(message), yParity + 27, r, s];
  return { address: TOKEN, abi: byWords, functionName: "transferWithAuthorization", args };
};
const inBytes = (message, signature) =>
  ({ address: TOKEN, abi: byBytes, functionName: "transferWithAuthorization", args: [...values(message), signature] });

const separator = viem.hashDomain({ domain, types: { EIP712Domain: [word("name", "string"), word("version", "string"),
  word("chainId", "uint256"), word("verifyingContract", "address")] } });
assert.equal(await read("DOMAIN_SEPARATOR"), separator);
const used = transfer();
const first = await send(facilitator, inWords(used, await sign(used)));
assert.deepEqual(viem.parseEventLogs({ abi: token, logs: first.logs }).map((log) => log.eventName), ["AuthorizationUsed", "Transfer"]);
assert.equal(await earned(), 10_000n);
assert.equal(await read("authorizationState", [payer.address, used.nonce]), true);
const found = await reader.getLogs({ address: TOKEN, event: token.find((one) => one.name === "AuthorizationUsed"),
  args: { authorizer: payer.address, nonce: used.nonce }, fromBlock: 0n });
assert.deepEqual(found.map((log) => log.transactionHash), [first.transactionHash]);
const second = transfer();
await send(facilitator, inBytes(second, await sign(second)));
assert.equal(await earned(), 20_000n);
const says = async (message, text, signer = payer) => refused(facilitator, inWords(message, await sign(message, signer)), text);
await says(used, "FiatTokenV2: authorization is used or canceled");
await says(transfer({ validBefore: now - 1n }), "FiatTokenV2: authorization is expired");
await says(transfer({ validAfter: now + 600n }), "FiatTokenV2: authorization is not yet valid");
await says(transfer({ value: 100_000_001n }), "ERC20: transfer amount exceeds balance");
await says(transfer(), "FiatTokenV2: invalid signature", person());
const malleable = transfer();
const { r, s, yParity } = viem.parseSignature(await sign(malleable));
const high = viem.serializeSignature({ r, s: viem.toHex(ORDER - BigInt(s), { size: 32 }), yParity: 1 - yParity });
assert.ok(ORDER - BigInt(s) > HALF_ORDER);
await refused(facilitator, inBytes(malleable, high), "FiatTokenV2: invalid signature");
const cancelled = transfer();
const cancel = viem.parseSignature(await payer.signTypedData({ domain, primaryType: "CancelAuthorization",
  types: { CancelAuthorization: [word("authorizer", "address"), word("nonce", "bytes32")] },
  message: { authorizer: payer.address, nonce: cancelled.nonce } }));
await send(facilitator, { address: TOKEN, abi: token, functionName: "cancelAuthorization",
  args: [payer.address, cancelled.nonce, cancel.yParity + 27, cancel.r, cancel.s] });
await says(cancelled, "FiatTokenV2: authorization is used or canceled");
proven("EIP-3009, by words and by bytes, its refusals and its cancellation");

// Permit2.
const permitTypes = (fields) => ({
  PermitWitnessTransferFrom: [word("permitted", "TokenPermissions"), word("spender", "address"), word("nonce", "uint256"),
    word("deadline", "uint256"), word("witness", "Witness")],
  TokenPermissions: [word("token", "address"), word("amount", "uint256")],
  Witness: fields,
});
const EXACT_WITNESS = [word("to", "address"), word("validAfter", "uint256")];
const UPTO_WITNESS = [word("to", "address"), word("facilitator", "address"), word("validAfter", "uint256")];
const permit = (amount) => ({ permitted: { token: TOKEN, amount }, nonce: BigInt(random()), deadline: now + 600n });
const permitted = (signer, of, spender, fields, witness) => signer.signTypedData({
  domain: { name: "Permit2", chainId: id, verifyingContract: PERMIT2 }, types: permitTypes(fields),
  primaryType: "PermitWitnessTransferFrom", message: { ...of, spender, witness },
});
const settle = (address, abi, args) => ({ address, abi, functionName: "settle", args });
const buyer = await withGas(person());
await mint(buyer.account.address, 1_000_000n);
await send(buyer, { address: TOKEN, abi: token, functionName: "approve", args: [PERMIT2, viem.maxUint256] });
const whole = permit(30_000n);
const toSeller = { to: seller, validAfter: 0n };
const wholeSignature = await permitted(buyer.account, whole, EXACT, EXACT_WITNESS, toSeller);
const elsewhere = { ...toSeller, to: facilitator.account.address };
await refused(facilitator, settle(EXACT, exact, [whole, buyer.account.address, elsewhere, wholeSignature]), "InvalidSigner");
const before = await earned();
await send(facilitator, settle(EXACT, exact, [whole, buyer.account.address, toSeller, wholeSignature]));
assert.equal(await earned() - before, 30_000n);
await refused(facilitator, settle(EXACT, exact, [whole, buyer.account.address, toSeller, wholeSignature]), "InvalidNonce");
proven("Permit2 in full, once, and to nobody else");

const limit = permit(40_000n);
const named = { to: seller, facilitator: facilitator.account.address, validAfter: 0n };
const limitSignature = await permitted(buyer.account, limit, UPTO, UPTO_WITNESS, named);
const part = (amount) => settle(UPTO, upto, [limit, amount, buyer.account.address, named, limitSignature]);
await refused(buyer, part(1_858n), "UnauthorizedFacilitator");
await refused(facilitator, part(40_001n), "AmountExceedsPermitted");
await send(facilitator, part(1_858n));
assert.equal(await earned() - before, 31_858n);
await refused(facilitator, part(1n), "InvalidNonce");
proven("Permit2 up to a limit, by the facilitator that was named");

const newcomer = person();
await mint(newcomer.address, 50_000n);
const sponsored = permit(50_000n);
const allowance = { owner: newcomer.address, spender: PERMIT2, value: 50_000n, nonce: await read("nonces", [newcomer.address]), deadline: now + 600n };
const allowed = viem.parseSignature(await newcomer.signTypedData({ domain, primaryType: "Permit", message: allowance,
  types: { Permit: [word("owner", "address"), word("spender", "address"), word("value", "uint256"), word("nonce", "uint256"), word("deadline", "uint256")] } }));
const bring = (value) => ({ value, deadline: allowance.deadline, r: allowed.r, s: allowed.s, v: allowed.yParity + 27 });
const sponsoredSignature = await permitted(newcomer, sponsored, EXACT, EXACT_WITNESS, toSeller);
const withPermit = (value) => ({ address: EXACT, abi: exact, functionName: "settleWithPermit",
  args: [bring(value), sponsored, newcomer.address, toSeller, sponsoredSignature] });
await refused(facilitator, withPermit(49_999n), "Permit2612AmountMismatch");
await send(facilitator, withPermit(50_000n));
assert.equal(await read("balanceOf", [newcomer.address]), 0n);
assert.equal(await read("nonces", [newcomer.address]), 1n);
proven("Permit2 with an EIP-2612 allowance brought along");

// Wallets that are contracts.
const owner = person();
const wallet = async () => {
  const salt = random();
  const address = await reader.readContract({ address: FACTORY, abi: factory, functionName: "predict", args: [owner.address, salt] });
  await mint(address, 20_000n);
  return { address, create: { address: FACTORY, abi: factory, functionName: "create", args: [owner.address, salt] } };
};
const deployed = await wallet();
await send(facilitator, deployed.create);
const byWallet = transfer({ from: deployed.address });
await refused(facilitator, inBytes(byWallet, await sign(byWallet, person())), "FiatTokenV2: invalid signature");
await send(facilitator, inBytes(byWallet, await sign(byWallet, owner)));
assert.equal(await read("balanceOf", [deployed.address]), 10_000n);
const later = await wallet();
const byLater = transfer({ from: later.address });
const byLaterSignature = await sign(byLater, owner);
await refused(facilitator, inBytes(byLater, byLaterSignature), "FiatTokenV2: invalid signature");
const call = (of, allowFailure) => ({ target: of.address, allowFailure, callData: viem.encodeFunctionData(of) });
await send(facilitator, { address: MULTICALL3, abi: multicall, functionName: "aggregate3",
  args: [[call(later.create, true), call(inBytes(byLater, byLaterSignature), false)]] });
assert.equal(await read("balanceOf", [later.address]), 10_000n);
proven("EIP-1271 wallets, deployed before and deployed by the settlement");

// The probe.
const artifacts = join(dirname(fileURLToPath(import.meta.url)), "../../crates/evm/contracts/artifacts");
const creation = `0x${readFileSync(join(artifacts, "Probe.creation.hex"), "utf8").trim()}`;
const itemFields = [["asset", "address"], ["payer", "address"], ["spender", "address"], ["nonceTarget", "address"], ["nonceCall", "bytes"],
  ["usedMask", "uint256"], ["digest", "bytes32"], ["signature", "bytes"], ["factory", "address"], ["factoryCall", "bytes"],
  ["target", "address"], ["call", "bytes"]].map(([name, type]) => word(name, type));
const constructor = [{ type: "tuple[]", components: itemFields }, { type: "uint256" }];
const finding = [word("codeSize", "uint256"), word("flags", "uint256"), word("balance", "uint256"), word("allowance", "uint256"), word("reverted", "bytes")];
const item = async (message, signer = payer, change = {}) => {
  const signature = await sign(message, signer);
  const nonceCall = viem.encodeFunctionData({ abi: token, functionName: "authorizationState", args: [message.from, message.nonce] });
  return { asset: TOKEN, payer: message.from, spender: PERMIT2, nonceTarget: TOKEN, nonceCall, usedMask: 1n,
    digest: viem.hashTypedData({ domain, types: { TransferWithAuthorization: transferType }, primaryType: "TransferWithAuthorization", message }),
    signature, factory: viem.zeroAddress, factoryCall: "0x", target: TOKEN, call: viem.encodeFunctionData(inBytes(message, signature)), ...change };
};
const probe = async (items) => {
  const data = viem.concat([creation, viem.encodeAbiParameters(constructor, [items, 1_500_000n])]);
  const { data: answer } = await reader.call({ data });
  const [findings] = viem.decodeAbiParameters([{ type: "bytes[]" }], answer);
  return findings.map((one) => {
    const [codeSize, flags, balance, allowance, reverted] = viem.decodeAbiParameters(finding, one);
    const flag = (bit) => (flags >> BigInt(bit) & 1n) === 1n;
    return { codeSize, balance, allowance, reverted, asset: flag(0), asked: flag(1), used: flag(2), told: flag(3), allowed: flag(4), confirmed: flag(5), simulated: flag(6) };
  });
};
const hostile = async (code) => {
  const { address } = person();
  await reader.request({ method: "anvil_setCode", params: [address, code] });
  return { asset: address, nonceTarget: address, target: address };
};
const endless = await hostile("0x5b600056");
const long = await hostile("0x62ffffff6000fd");
const everything = await read("balanceOf", [payer.address]);
const undeployed = await wallet();
const byUndeployed = transfer({ from: undeployed.address });
const deploy = { factory: FACTORY, factoryCall: viem.encodeFunctionData(undeployed.create) };
const [good, twice, loop, flood, another, contract, forged, counterfactual] = await probe([
  await item(transfer({ value: everything })), await item(used), await item(transfer(), payer, endless), await item(transfer(), payer, long),
  await item(transfer({ value: everything })), await item(transfer({ from: deployed.address }), owner),
  await item(transfer({ from: deployed.address }), payer), await item(byUndeployed, owner, deploy),
]);
for (const one of [good, another]) {
  // Each alone takes all there is: the second one would fail if it saw the first.
  assert.deepEqual(one, { codeSize: 0n, balance: everything, allowance: 0n, reverted: "0x", asset: true, asked: true, used: false, told: true,
    allowed: true, confirmed: false, simulated: true });
}
assert.ok(twice.used && !twice.simulated);
assert.match(viem.decodeErrorResult({ abi: viem.parseAbi(["error Error(string)"]), data: twice.reverted }).args[0], /used or canceled/);
for (const one of [loop, flood]) assert.ok(one.asset && !one.asked && !one.told && !one.allowed && !one.simulated);
assert.ok((flood.reverted.length - 2) / 2 <= 288);
assert.ok(contract.codeSize > 0n && contract.confirmed && contract.simulated);
assert.ok(!forged.confirmed && !forged.simulated);
assert.ok(counterfactual.codeSize === 0n && counterfactual.simulated);
assert.equal(await reader.getCode({ address: undeployed.address }), undefined);
assert.equal(await read("balanceOf", [payer.address]), everything);
proven("the probe: each item for itself, whatever the tokens of the others do");
