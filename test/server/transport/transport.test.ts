// Both transports against the one contract.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { chooseTransport } from '../../../server/src/transport/choose-transport.js';
import { createUwsTransport, findUws, loadUws } from '../../../server/src/transport/uws-transport.js';
import { createWsTransport } from '../../../server/src/transport/ws-transport.js';
import { testFolder } from '../../support/test-folder.js';
import { transportContract } from '../../support/transport/contract.js';

// They mostly wait.
t.jobs = 2;

t.test('ws transport', async (t) => {
  transportContract(t, createWsTransport);
});

const library = loadUws();
t.test('uws transport', { skip: library === undefined && 'no uWebSockets.js binary for this Node' }, async (t) => {
  if (library === undefined) return;
  transportContract(t, (options) => createUwsTransport(library, options));
});

t.test('choice', async (t) => {
  const options = {
    handlers: { request: () => ({ status: 200, contentType: '', body: '' }), upgrade: () => fail(), failed: () => {} },
    messageBytesMax: 1,
    closeTimeoutMs: 1,
  };
  t.equal(chooseTransport('ws', options).name, 'ws');
  const told: string[] = [];
  t.equal(chooseTransport('auto', options, (why) => told.push(why)).name, library === undefined ? 'ws' : 'uws');
  t.equal(told.length, library === undefined ? 1 : 0, 'a fallback is told');
  if (library === undefined) t.throws(() => chooseTransport('uws', options), { name: 'TransportUnavailableError' });
  else t.equal(chooseTransport('uws', options).name, 'uws');
});

t.test('a binary that is absent, or that this machine cannot load, is told and not used', async (t) => {
  const modules = testFolder(t, { empty: {}, other: { 'uWebSockets.js': {} }, broken: { 'uWebSockets.js': {} } });
  const name = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
  await writeFile(join(modules, 'broken/uWebSockets.js', name), 'made for another machine');
  t.match(findUws([join(modules, 'empty')]), { library: undefined, missing: 'is not installed' });
  t.match(findUws([join(modules, 'other')]).missing, `has no binary for Node ${process.versions.node}`);
  t.match(findUws([join(modules, 'broken')]).missing, /^cannot be loaded \(/);
});

function fail(): never {
  throw new Error('no upgrade was asked for');
}
