// node registered.mjs docs/openrpc.json
//
// Registers Cairn's methods with the RPC of polkadot-js, calls each with the example of the OpenRPC
// document, and compares what is sent and what is given back. It needs no node: the document's
// examples are what a real provider answered.

import { readFileSync } from 'node:fs';
import { RpcCore } from '@polkadot/rpc-core';
import { TypeRegistry } from '@polkadot/types';
import { rpc } from 'cairn-storage-client/rpc';

const { methods } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const named = Object.fromEntries(methods.map((method) => [method.name, method]));
const answerOf = (method) => method['x-notification']?.example ?? method.examples[0].result.value;

let sent;
const provider = {
  hasSubscriptions: true,
  isClonable: false,
  isConnected: true,
  on: () => () => {},
  send: async (name, params) => {
    sent = [name, params];
    return answerOf(named[name]);
  },
  subscribe: async (event, name, params, notify) => {
    sent = [name, params, event];
    setTimeout(() => notify(null, answerOf(named[name])));
    return 1;
  },
  unsubscribe: async () => true,
};

// Keys have no order.
function sorted (value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}
const isSame = (a, b) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

const core = new RpcCore('registered', new TypeRegistry(), { provider, userRpc: rpc });
for (const method of methods) {
  const at = method.name.lastIndexOf('_');
  const call = core[method.name.slice(0, at)][method.name.slice(at + 1)];
  const params = method.examples[0].params.map(({ value }) => value);
  const given = await new Promise((resolve, reject) => {
    call(...params).subscribe({ next: resolve, error: reject });
  });
  const event = method['x-notification']?.name;
  if (!isSame(sent, event ? [method.name, params, event] : [method.name, params])) {
    throw new Error(`${method.name} is sent as ${JSON.stringify(sent)}`);
  }
  if (!isSame(given.toJSON(), answerOf(method))) {
    throw new Error(`${method.name} gives ${JSON.stringify(given.toJSON())}`);
  }
}
console.log(`polkadot-js: ${methods.length} methods are sent and read as the document says`);
process.exit(0);
