// node scripts/rpc.mjs [--check]
//
// Writes, or compares, what this package says of the JSON-RPC: `rpc.js`, the methods as polkadot-js
// registers them, and `rpc.d.ts`, their types. Both come from the OpenRPC document, which a test in
// Rust compares with the methods.

import { readFileSync, writeFileSync } from 'node:fs';

const folder = new URL('../', import.meta.url);
const document = JSON.parse(readFileSync(new URL('../../docs/openrpc.json', folder), 'utf8'));
const { schemas } = document.components;
const REF = '#/components/schemas/';
const WIDTH = 98;

const named = (schema) => schema.$ref?.startsWith(REF) ? schema.$ref.slice(REF.length) : undefined;
const unknown = (schema) => { throw new Error(`a schema that this script does not know: ${JSON.stringify(schema)}`); };

function comment (text, indent) {
  if (!text) return '';
  const lines = [];
  for (const word of text.replaceAll('*/', '* /').split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && indent.length + 3 + last.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`;
}

// ---- types ----

function type (schema, indent = '') {
  const name = named(schema);
  if (name) return name;
  if ('const' in schema) return JSON.stringify(schema.const);
  const choices = schema.oneOf ?? schema.anyOf;
  if (choices) return [...new Set(choices.map((choice) => type(choice, indent)))].join(' | ');
  if (Array.isArray(schema.type)) return schema.type.map((one) => type({ ...schema, type: one }, indent)).join(' | ');
  switch (schema.type) {
    case 'null': return 'null';
    case 'boolean': return 'boolean';
    case 'integer': return 'number';
    case 'string': return schema.pattern?.startsWith('^0x') ? '`0x${string}`' : 'string';
    case 'array':
      if (schema.prefixItems) return `[${schema.prefixItems.map((item) => type(item, indent)).join(', ')}]`;
      return listOf(type(schema.items, indent));
    case 'object': return object(schema, indent);
    default: return unknown(schema);
  }
}

const listOf = (item) => (/^\w+$/.test(item) ? `${item}[]` : `(${item})[]`);

function object (schema, indent) {
  const deeper = `${indent}  `;
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const optional = schema.required?.includes(name) ? '' : '?';
    return `${comment(field.description, deeper)}${deeper}${name}${optional}: ${type(field, deeper)};\n`;
  });
  return `{\n${fields.join('')}${indent}}`;
}

function declaration ([name, schema]) {
  const about = comment(schema.description, '');
  if (schema.type === 'object') return `${about}export interface ${name} ${object(schema, '')}\n`;
  return `${about}export type ${name} = ${type(schema)};\n`;
}

function signature (method) {
  const params = method.params.map((param) => `${param.name}${param.required ? '' : '?'}: ${type(param.schema)}`);
  const event = method['x-notification'];
  const deeper = '    ';
  return `${comment(method.summary, '  ')}  ${method.name}: {\n`
    + `${deeper}params: [${params.join(', ')}];\n`
    + `${deeper}result: ${type(method.result.schema, deeper)};\n`
    + (event ? `${deeper}event: ${type(event.schema, deeper)};\n${deeper}unsubscribe: '${method['x-unsubscribe']}';\n` : '')
    + '  };\n';
}

const types = `// Written by scripts/rpc.mjs from docs/openrpc.json.

${Object.entries(schemas).map(declaration).join('\n')}
/** The methods, by name: their parameters in order, and what they return. */
export interface CairnMethods {
${document.methods.map(signature).join('')}}

export type CairnMethod = keyof CairnMethods;

/** The methods, as \`ApiPromise.create({ rpc })\` of polkadot-js takes them. */
export const rpc: Record<string, Record<string, {
  description: string;
  params: { name: string; type: string; isOptional?: boolean }[];
  type: string;
  pubsub?: [string, string, string];
}>>;
`;

// ---- definitions of polkadot-js ----

// Its codec of JSON holds objects only.
function codec (schema) {
  const name = named(schema);
  if (name === 'U64OrHex') return 'u64';
  if (name === 'U128OrHex') return 'u128';
  if (name === 'H256' || name === 'Bytes') return name;
  if (name) return codec(schemas[name]);
  // An enumeration of texts.
  if (schema.oneOf?.every((one) => one.type === 'string')) return 'Text';
  switch (schema.type) {
    case 'null': return 'Null';
    case 'boolean': return 'bool';
    case 'string': return 'Text';
    case 'integer': return { uint16: 'u16', uint32: 'u32', uint64: 'u64' }[schema.format] ?? unknown(schema);
    case 'array': return `Vec<${codec(schema.items)}>`;
    case 'object': return 'Json';
    default: return unknown(schema);
  }
}

function definition (method) {
  const [section, name] = [method.name.slice(0, method.name.lastIndexOf('_')), method.name.slice(method.name.lastIndexOf('_') + 1)];
  const local = (full) => full.slice(section.length + 1);
  const event = method['x-notification'];
  return [section, name, {
    description: method.summary,
    params: method.params.map((param) => ({
      name: param.name,
      type: codec(param.schema),
      ...(param.required ? {} : { isOptional: true }),
    })),
    type: codec(event?.schema ?? method.result.schema),
    ...(event ? { pubsub: [local(event.name), name, local(method['x-unsubscribe'])] } : {}),
  }];
}

const rpc = {};
for (const [section, name, one] of document.methods.map(definition)) (rpc[section] ??= {})[name] = one;
const definitions = `// Written by scripts/rpc.mjs from docs/openrpc.json: the JSON-RPC, as polkadot-js registers it.

export const rpc = ${JSON.stringify(rpc, null, 2)};
`;

// ---- files ----

const files = { 'rpc.d.ts': types, 'rpc.js': definitions };
for (const [name, text] of Object.entries(files)) {
  const url = new URL(name, folder);
  if (process.argv[2] !== '--check') {
    writeFileSync(url, text);
  } else if (readFileSync(url, 'utf8') !== text) {
    console.error(`${name} is not what docs/openrpc.json says: run node clients/javascript/scripts/rpc.mjs`);
    process.exit(1);
  }
}
