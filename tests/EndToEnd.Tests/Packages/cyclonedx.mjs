// node cyclonedx.mjs FILE: a bill of materials against CycloneDX' own JSON schema, from npm.
import { createRequire } from 'node:module';
import path from 'node:path';
import { readFileSync } from 'node:fs';

const modules = process.env.NETBIRD_NODE_MODULES;
const require = createRequire(path.join(modules, 'x.js'));
const read = name => JSON.parse(readFileSync(path.join(modules, '@cyclonedx/cyclonedx-library/res/schema', `${name}.SNAPSHOT.schema.json`), 'utf8'));
const ajv = new (require('ajv').default)({ strict: false, allErrors: true });
require('ajv-formats').default(ajv);
for (const format of ['idn-email', 'iri-reference']) ajv.addFormat(format, true);
for (const part of ['spdx', 'jsf-0.82']) {
  const { $id, $schema, ...rest } = read(part);
  ajv.addSchema(rest, `http://cyclonedx.org/schema/${part}.SNAPSHOT.schema.json`);
}

const document = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const valid = ajv.compile(read(`bom-${document.specVersion}`));
if (!valid(document)) {
  console.log(JSON.stringify(valid.errors, null, 1));
  process.exit(1);
}
console.log('valid');
