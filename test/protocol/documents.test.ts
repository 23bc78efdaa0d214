// The documents of the wire say what the schemas say: the AsyncAPI document, the README's tables and its transcript.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import {
  AudioMessage,
  CLOSE,
  ERRORS,
  JsonServerCodec,
  LIMITS,
  ServerMessage,
  Word,
  type ClientMessage,
} from '@sotto/protocol';
import { Ajv } from 'ajv';
import t from 'tap';
import * as v from 'valibot';
import { asyncApiDocument } from '../../protocol/src/asyncapi/document.js';
import { CLIENT_ROWS, SERVER_ROWS, WORD_FIELDS } from '../../protocol/src/codec/rows.js';

const read = (name: string) => readFile(new URL(`../../protocol/${name}`, import.meta.url), 'utf8');
const readme = await read('README.md');

t.test('the committed AsyncAPI document is that of the schemas (npm run asyncapi -w protocol)', async (t) => {
  t.strictSame(JSON.parse(await read('asyncapi.json')), JSON.parse(JSON.stringify(asyncApiDocument())));
});

t.test('the AsyncAPI document is valid by the meta-schema of AsyncAPI 3', async (t) => {
  const metaSchema: unknown = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0.json');
  const ajv = new Ajv({ meta: false, validateSchema: false, strict: false, validateFormats: false });
  const validate = ajv.compile(metaSchema as object);
  const document: unknown = JSON.parse(await read('asyncapi.json'));
  t.ok(validate(document), ajv.errorsText(validate.errors));
  t.notOk(validate({ ...(document as object), asyncapi: '2.0.0' }), 'which is able to refuse');
});

t.test('MS2: rows carry every field of their messages, in the order that the README gives', async (t) => {
  const messages = [AudioMessage, ...ServerMessage.options];
  for (const [side, rows] of Object.entries({ client: CLIENT_ROWS, server: SERVER_ROWS })) {
    for (const [index, { type, fields }] of rows.entries()) {
      const schema = messages.find((it) => it.entries.type.literal === type);
      t.strictSame([...fields, 'type'].toSorted(), Object.keys(schema?.entries ?? {}).toSorted(), `${side} ${type}`);
      t.match(readme, `| ${index} | \`${type}\`: ${fields.join(', ')}`);
    }
  }
  t.strictSame([...WORD_FIELDS].toSorted(), Object.keys(Word.entries).toSorted());
  t.match(readme, `a word is [${WORD_FIELDS.join(', ')}]`);
});

t.test('ER1: the README lists every error code, CL1: and every close code', async (t) => {
  for (const code of Object.keys(ERRORS)) t.match(readme, `| \`${code}\` |`);
  for (const [name, { code, retry }] of Object.entries(CLOSE)) {
    t.match(readme, new RegExp(`^\\| ${code} \\| \`${name}\`.* \\| ${retry ? 'yes' : 'no'} \\|$`, 'm'));
  }
});

t.test('LM3: the README says the limits', async (t) => {
  for (const limit of [
    LIMITS.messageBytesMax,
    LIMITS.textCharsMax,
    LIMITS.messageValuesMax,
    LIMITS.gapMsMax,
    LIMITS.promptCharsMax,
    LIMITS.sampleRateMax,
  ]) {
    t.match(readme, limit.toLocaleString('en'));
  }
});

t.test('VS1: the transcript in the README is a session that both ends understand', async (t) => {
  const transcript = readme.slice(readme.indexOf('## A JSON session on the wire'));
  const codec = new JsonServerCodec();
  const sent: ClientMessage[] = [];
  const refused: string[] = [];
  for (const [, text = ''] of transcript.matchAll(/^> (\{.*?\})(?: {2,}.*)?$/gm)) {
    try {
      const message = codec.decode(text);
      if (message !== undefined) sent.push(message);
    } catch (error) {
      refused.push(String(error));
    }
  }
  t.strictSame(
    sent.map(({ type }) => type),
    ['start', 'mark', 'configure', 'finalize', 'ping', 'stop', 'resume'],
  );
  t.strictSame(refused, ['ProtocolError: configure.endpointing.minSilenceMs: expected >=96, got 5.']);
  const answers = [...transcript.matchAll(/^< (\{.*\})$/gm)].map(([, text = '']) =>
    v.safeParse(ServerMessage, JSON.parse(text)),
  );
  t.equal(answers.length, 16);
  for (const { success, issues } of answers) t.ok(success, JSON.stringify(issues));
});
