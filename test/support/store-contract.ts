// What every database and every blob store shows: held against LMDB and Redis.
import * as fc from 'fast-check';
import type { Test } from 'tap';
import type { BlobStore } from '../../server/src/store/blobs.js';
import { withPrefix, type KeyValueStore, type StoreChange } from '../../server/src/store/key-value-store.js';
import { propertyRuns } from './property.js';

const set = (key: string, value: string): StoreChange => ({ map: 'meta', key, value: Buffer.from(value) });
const unset = (key: string): StoreChange => ({ map: 'meta', key, value: undefined });
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();

/** `open` gives an empty store that ends with the test. */
export async function testKeyValueStore(t: Test, open: (t: Test) => Promise<KeyValueStore>): Promise<void> {
  await t.test('what is committed can be read, and what is removed cannot', async (t) => {
    const store = await open(t);
    t.equal(await store.get('meta', 'a'), undefined);
    t.equal(await store.commit([set('a', '1'), set('b', '')]), true);
    t.equal(text(await store.get('meta', 'a')), '1');
    t.strictSame((await store.getMany('meta', ['b', 'x', 'a'])).map(text), ['', undefined, '1']);
    t.equal(await store.get('jobs', 'a'), undefined, 'maps are apart');
    await store.commit([unset('a'), unset('never'), set('b', '2')]);
    t.strictSame((await store.getMany('meta', ['a', 'b'])).map(text), [undefined, '2']);
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await store.commit([{ map: 'meta', key: 'bytes', value: bytes }]);
    t.strictSame(new Uint8Array((await store.get('meta', 'bytes')) ?? []), bytes);
  });

  await t.test('entries come in the order of their bytes, from both ends, bounded', async (t) => {
    const store = await open(t);
    const keys = ['a', 'a\0b', 'ab', 'b', 'é', '一', '二', '😀'];
    await store.commit(keys.toReversed().map((key) => set(key, key)));
    t.strictSame(await store.keys('meta', { limit: 100 }), keys);
    t.strictSame(await store.keys('meta', { limit: 100, reverse: true }), keys.toReversed());
    t.strictSame(await store.keys('meta', { from: 'ab', to: '一', limit: 100 }), ['ab', 'b', 'é']);
    t.strictSame(await store.keys('meta', { from: 'é', to: 'ab', limit: 100, reverse: true }), ['é', 'b']);
    t.strictSame(await store.keys('meta', { from: 'aa', limit: 2 }), ['ab', 'b']);
    t.strictSame(await store.keys('meta', withPrefix('a', 10)), ['a', 'a\0b', 'ab']);
    t.strictSame(await store.keys('meta', withPrefix('a', 2, true)), ['ab', 'a\0b']);
    t.strictSame(
      (await store.entries('meta', withPrefix('一', 10))).map(({ key, value }) => [key, text(value)]),
      [['一', '一']],
    );
  });

  await t.test('a commit happens whole, and only where its expectations hold', async (t) => {
    const store = await open(t);
    t.equal(await store.commit([set('a', '1')], [unset('a')]), true);
    t.equal(await store.commit([set('a', '2'), set('b', '2')], [unset('a')]), false);
    t.equal(await store.commit([set('a', '2'), set('b', '2')], [set('a', '7')]), false);
    t.strictSame((await store.getMany('meta', ['a', 'b'])).map(text), ['1', undefined]);
    t.equal(await store.commit([set('a', '3')], [set('a', '1'), unset('b')]), true);
    const winners = await Promise.all(
      Array.from({ length: 20 }, (_, index) => store.commit([set('a', `w${index}`)], [set('a', '3')])),
    );
    t.equal(winners.filter(Boolean).length, 1, 'one of many wins');
  });

  await t.test('it is an ordered map, whatever is done to it', async (t) => {
    const store = await open(t);
    const key = fc.oneof(
      fc.constantFrom('a', 'b', 'ab', 'ba', 'é'),
      fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }),
    );
    const change = fc.tuple(key, fc.option(fc.uint8Array({ maxLength: 20 }), { nil: undefined }));
    const model = new Map<string, Uint8Array>();
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 8 }), async (changes) => {
        await store.commit(changes.map(([name, value]) => ({ map: 'meta', key: name, value })));
        for (const [name, value] of changes) {
          if (value === undefined) model.delete(name);
          else model.set(name, value);
        }
        const wanted = [...model.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        const found = await store.entries('meta', { limit: 10_000 });
        const isSame = found.every((entry) => Buffer.compare(entry.value, model.get(entry.key) ?? Buffer.of(0)) === 0);
        return isSame && JSON.stringify(found.map((entry) => entry.key)) === JSON.stringify(wanted);
      }),
      { numRuns: propertyRuns(40) },
    );
  });
}

async function* bytesOf(...pieces: readonly (Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (piece instanceof Error) throw piece;
    yield piece;
  }
}

async function wholeOf(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

const BYTES_MAX = 5_000_000;

/** `open` gives an empty store of {@link BYTES_MAX} bytes. */
export async function testBlobStore(t: Test, open: (t: Test, bytesMax: number) => Promise<BlobStore>): Promise<void> {
  await t.test('bytes come back as they were, until they are deleted', async (t) => {
    const blobs = await open(t, BYTES_MAX);
    const large = Buffer.alloc(2_500_001, 'sound');
    t.equal(await blobs.write('j_1', bytesOf(large.subarray(0, 7), large.subarray(7))), large.length);
    t.equal(await blobs.write('empty', bytesOf()), 0);
    t.ok((await wholeOf(blobs.read('j_1'))).equals(large));
    t.equal((await wholeOf(blobs.read('empty'))).length, 0);
    t.strictSame((await blobs.names()).sort(), ['empty', 'j_1']);
    await blobs.delete('j_1');
    await blobs.delete('j_1');
    await t.rejects(wholeOf(blobs.read('j_1')), { code: 'store_unavailable' });
    t.strictSame(await blobs.names(), ['empty']);
  });

  await t.test('what breaks off leaves nothing, and the bound holds', async (t) => {
    const blobs = await open(t, BYTES_MAX);
    await t.rejects(blobs.write('broken', bytesOf(Buffer.alloc(10), new Error('gone'))), { message: 'gone' });
    await blobs.write('first', bytesOf(Buffer.alloc(3_000_000)));
    await t.rejects(blobs.write('second', bytesOf(Buffer.alloc(1_500_000), Buffer.alloc(1_500_000))), {
      code: 'store_full',
    });
    t.strictSame(await blobs.names(), ['first']);
    await blobs.delete('first');
    t.equal(await blobs.write('second', bytesOf(Buffer.alloc(4_500_000))), 4_500_000, 'room that is given back');
    for (const name of ['../x', 'a/b', '', '.']) await t.rejects(blobs.write(name, bytesOf()), RangeError);
  });
}
