// Keys and tokens: what they look like, what is kept of them, and who is let in.
import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { oneof, property, string } from 'fast-check';
import t, { type Test } from 'tap';
import { Access } from '../../../server/src/access/access.js';
import { isSecretOf, parseKey, SCOPES, type Scope } from '../../../server/src/access/api-key.js';
import { credentialOf, publicSubprotocol } from '../../../server/src/access/credentials.js';
import { KeyRing } from '../../../server/src/access/key-ring.js';
import { may, owns, permitted, type Principal } from '../../../server/src/access/principal.js';
import { Tokens } from '../../../server/src/access/tokens.js';
import { LmdbStore } from '../../../server/src/store/lmdb/lmdb-store.js';
import { holds } from '../../support/property.js';
import { testFolder } from '../../support/test-folder.js';

async function open(t: Test) {
  const clock = { now: Date.UTC(2026, 0, 1) };
  const wallNow = (): number => clock.now;
  const store = await LmdbStore.open(testFolder(t));
  t.teardown(() => store.close());
  const [ring, tokens] = [await KeyRing.open(store, wallNow), await Tokens.open(store, wallNow)];
  return { clock, store, ring, tokens, access: new Access({ policy: 'auto', ring, tokens }) };
}

const carrier = (headers: Record<string, string>, query = '', subprotocols: string[] = []) => ({
  header: (name: string) => headers[name] ?? '',
  query: new URLSearchParams(query),
  subprotocols,
});

t.test('a key is shown once; what is kept is its hash', async (t) => {
  const { ring, store } = await open(t);
  const { text, record } = await ring.create({ name: 'phone', scopes: ['stream'] });
  t.match(text, /^sotto_[0-9a-f]{10}_[\w-]{43}$/);
  const { secret = '' } = parseKey(text) ?? {};
  t.ok(isSecretOf(record, secret));
  const kept = Buffer.from((await store.get('keys', record.id)) ?? []);
  t.notOk(kept.includes(secret));
  t.equal(ring.find(text)?.name, 'phone');
  t.equal(ring.find(text.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A'))), undefined);
  t.equal(ring.find(`sotto_0000000000_${secret}`), undefined);
});

function of(keyId: string | undefined, ...scopes: readonly Scope[]): Principal {
  return { keyId, scopes: new Set(scopes), isLasting: true };
}

t.test('no text opens anything by accident', async (t) => {
  const { ring, access } = await open(t);
  await ring.create({ name: '', scopes: ['admin'] });
  const texts = oneof(
    string(),
    string().map((it) => `sotto_${it}`),
    string().map((it) => `a.${it}.b`),
  );
  holds(
    t,
    property(texts, (text) => access.identify(text) === 'unknown'),
  );
});

t.test('keys are demanded once one was made, also when it is revoked', async (t) => {
  const { ring, access } = await open(t);
  t.match(access.identify(undefined), { keyId: undefined, isLasting: true });
  const { text, record } = await ring.create({ name: '', scopes: ['files'] });
  t.equal(access.identify(undefined), 'missing');
  t.match(access.identify(text), { keyId: record.id, isLasting: true });
  t.equal(permitted(access.identify(text), 'stream'), 'forbidden');
  t.ok(await ring.revoke(record.id));
  t.notOk(await ring.revoke(record.id));
  t.notOk(await ring.revoke('nothing'));
  t.equal(access.identify(text), 'unknown');
  t.equal(access.identify(undefined), 'missing');
});

t.test('a change in the store by another is seen', async (t) => {
  const { ring, store } = await open(t);
  const other = await KeyRing.open(store);
  const { text, record } = await other.create({ name: '', scopes: ['stream'] });
  t.equal(ring.find(text), undefined);
  await ring.refresh();
  t.equal(ring.find(text)?.id, record.id);
  await other.revoke(record.id);
  await ring.refresh();
  t.equal(ring.find(text), undefined);
});

t.test('a store without keys in place of the one that had some opens nothing', async (t) => {
  const { ring, store, access } = await open(t);
  const { text, record } = await ring.create({ name: 'phone', scopes: ['stream'] });
  // As after the operator has moved a damaged file away.
  await store.commit([
    { map: 'keys', key: record.id, value: undefined },
    { map: 'meta', key: 'keysRevision', value: undefined },
  ]);
  await ring.refresh();
  t.equal(access.identify(undefined), 'missing');
  t.match(access.identify(text), { keyId: record.id });
});

t.test('a token carries its limits, and ends with its time or its key', async (t) => {
  const { clock, ring, tokens, access } = await open(t);
  const { record } = await ring.create({ name: '', scopes: ['stream', 'files'] });
  const wish = { keyId: record.id, scopes: ['stream'] as const, ttlMs: 60_000, audioMsMax: 30_000, polish: false };
  const { text, expiresAt } = await tokens.mint(wish);
  t.match(text, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  t.match(access.identify(text), { keyId: record.id, isLasting: false, token: { audioMsMax: 30_000, polish: false } });
  t.equal(permitted(access.identify(text), 'files'), 'forbidden');
  clock.now = expiresAt;
  t.equal(access.identify(text), 'expired');
  clock.now -= 1;
  t.ok(permitted(access.identify(text), 'stream'));
  await ring.revoke(record.id);
  t.equal(access.identify(text), 'unknown');
});

t.test('a token of another signing key, without a signature or changed is none', async (t) => {
  const { ring, tokens, store } = await open(t);
  const { record } = await ring.create({ name: '', scopes: ['stream'] });
  const { text } = await tokens.mint({ keyId: record.id, scopes: ['stream'], ttlMs: 60_000, polish: true });
  t.equal(typeof tokens.read(text), 'object');
  const [head = '', body = '', signature = ''] = text.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
  const bigger = Buffer.from(JSON.stringify({ ...claims, scope: ['admin'] })).toString('base64url');
  t.equal(tokens.read(`${head}.${bigger}.${signature}`), 'unknown');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  t.equal(tokens.read(`${none}.${body}.${signature}`), 'unknown');
  t.equal(tokens.read(`${head}.${body}.`), 'unknown');
  const { privateKey } = generateKeyPairSync('ed25519');
  const forged = await new SignJWT({ ...claims }).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey);
  t.equal(tokens.read(forged), 'unknown');
  // The next process, and another node of the same store, have the same signing key.
  t.equal(typeof (await Tokens.open(store, () => Date.UTC(2026, 0, 1))).read(text), 'object');
});

t.test('where a credential is found', async (t) => {
  const token = 'aa.bb.cc';
  t.equal(credentialOf(carrier({ authorization: 'Bearer k' })), 'k');
  t.equal(credentialOf(carrier({ authorization: 'Token k' })), 'k');
  t.equal(credentialOf(carrier({ 'api-key': 'k' })), 'k');
  t.equal(credentialOf(carrier({}, '', ['sotto.v1.json', `sotto.token.${token}`])), token);
  t.equal(credentialOf(carrier({}, '', ['realtime', 'openai-insecure-api-key.k'])), 'k');
  t.equal(credentialOf(carrier({}, '', ['token', 'k'])), 'k');
  t.equal(credentialOf(carrier({}, `token=${token}`)), token);
  t.equal(credentialOf(carrier({}, `token=sotto_0123456789_${'x'.repeat(43)}`)), undefined, 'no key in an address');
  t.equal(publicSubprotocol(['sotto.token.k', 'realtime'], ['realtime']), 'realtime');
});

t.test('scopes and owners', async (t) => {
  for (const scope of SCOPES) t.ok(may(of('a', 'admin'), scope));
  t.notOk(may(of('a', 'stream'), 'files'));
  t.ok(owns(of('a', 'files'), 'a'));
  t.notOk(owns(of('a', 'files'), 'b'));
  t.notOk(owns(of('a', 'files'), undefined), 'what was kept before there were keys');
  t.ok(owns(of('a', 'admin'), 'b'));
  t.ok(owns(of(undefined, 'files'), 'b'));
});
