// Both transports against the one contract.
import t from 'tap';
import { chooseTransport } from '../../../server/src/transport/choose-transport.js';
import { createUwsTransport, loadUws } from '../../../server/src/transport/uws-transport.js';
import { createWsTransport } from '../../../server/src/transport/ws-transport.js';
import { httpContract } from '../../support/http-contract.js';
import { transportContract } from '../../support/transport-contract.js';

// They mostly wait.
t.jobs = 2;

t.test('ws transport', async (t) => {
  transportContract(t, createWsTransport);
  httpContract(t, createWsTransport);
});

const library = loadUws();
t.test('uws transport', { skip: library === undefined && 'no uWebSockets.js binary for this Node' }, async (t) => {
  if (library === undefined) return;
  transportContract(t, (options) => createUwsTransport(library, options));
  httpContract(t, (options) => createUwsTransport(library, options));
});

t.test('choice', async (t) => {
  const options = {
    handlers: { request: () => ({ status: 200, contentType: '', body: '' }), upgrade: () => fail(), failed: () => {} },
    messageBytesMax: 1,
    closeTimeoutMs: 1,
  };
  t.equal(chooseTransport('ws', options).name, 'ws');
  t.equal(chooseTransport('auto', options).name, library === undefined ? 'ws' : 'uws');
  if (library === undefined) t.throws(() => chooseTransport('uws', options), { name: 'TransportUnavailableError' });
  else t.equal(chooseTransport('uws', options).name, 'uws');
});

function fail(): never {
  throw new Error('no upgrade was asked for');
}
