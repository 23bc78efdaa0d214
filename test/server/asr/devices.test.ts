// Devices by their names, and what a device that is not there is answered with.
import { ModelRegistry } from '@sotto/models';
import t from 'tap';
import { DEVICE_LIST, devicesOfEngines, nameOfDevice, parseDevices } from '../../../server/src/asr/devices.js';
import { isDeviceLost } from '../../../server/src/asr/whisper/gpu-limits.js';
import { openDeviceEngines } from '../../../server/src/asr/open-device-engines.js';
import { checkUsage } from '../../../server/src/cli/transcribe.js';
import { createRouter } from '../../../server/src/http/router.js';
import { fixturesFolder } from '../../support/fixtures.js';
import { httpRequest } from '../../support/http-request.js';
import { statusRoutes } from '../../../server/src/api/status/status-routes.js';

t.test('lists of devices', async (t) => {
  for (const list of ['cpu', 'cuda:0', 'cuda:0,cuda:1', ' cuda:0 , cpu ', 'cuda:12']) t.match(list, DEVICE_LIST, list);
  for (const list of ['', 'gpu', 'cuda', 'cuda:', 'cuda:-1', 'cuda:0;cuda:1', 'cuda:0,', 'CPU', 'cuda:1000']) {
    t.notMatch(list, DEVICE_LIST, list);
  }
  t.same(parseDevices(' cuda:3 ,cpu'), [{ kind: 'cuda', id: 3 }, { kind: 'cpu' }]);
  t.same(parseDevices('cuda:3,cpu').map(nameOfDevice), ['cuda:3', 'cpu']);
  t.same(
    devicesOfEngines(parseDevices('cuda:1,cpu'), 2).map(nameOfDevice),
    ['cuda:1', 'cpu', 'cpu'],
    'engines are those of the CPU',
  );
});

t.test('a GPU that is not there is told by the library, and what was opened beside it is closed', async (t) => {
  const model = await new ModelRegistry(fixturesFolder).find('tiny-whisper');
  const options = { engines: 1, threads: 1, precision: 'auto', isolation: 'inline', onEvent: () => {} } as const;
  await t.rejects(openDeviceEngines(model, { ...options, devices: 'cpu,cuda:97' }), {
    name: 'EngineError',
    code: 'engine_load_failed',
    message: /cuda:97: [^]*npx sotto doctor/,
  });
  await t.rejects(
    openDeviceEngines(model, { ...options, devices: 'cuda:97', precision: 'int8' }),
    { code: 'engine_load_failed', message: /a GPU calculates in float16, not in int8/ },
    'a precision that GPUs do not have',
  );
  const [opened, ...more] = await openDeviceEngines(model, { ...options, devices: 'cpu' });
  t.same([opened?.device, more.length], ['cpu', 0]);
  await opened?.engine.close();
});

t.test('GET /ready tells of each engine, and says 503 when none is up', async (t) => {
  const engines = [
    { device: 'cuda:0', isUp: true },
    { device: 'cuda:1', isUp: false },
  ];
  const polish = { available: false, models: ['small', 'large'], modes: [] };
  const router = createRouter(
    statusRoutes({
      version: '1',
      model: { name: 'm', device: 'cuda:0,cuda:1' },
      gateway: { status: () => ({ status: 'ready', connections: 0 }) },
      metrics: () => '',
      engines: () => engines,
      polish: () => polish,
    }),
  );
  const ask = async (path = '/ready') => {
    const answer = await router(httpRequest({ path }));
    return { status: answer?.status, body: JSON.parse(String(answer?.body)) as unknown };
  };
  t.match(await ask(), { status: 200, body: { status: 'ready', engines } });
  t.match((await ask('/health')).body, {
    model: 'm',
    device: 'cuda:0,cuda:1',
    models: [
      { task: 'recognise', name: 'm', isUp: true },
      { task: 'polish', name: 'small', isUp: false },
      { task: 'polish', name: 'large', isUp: false },
    ],
    engines,
  });
  engines[0] = { device: 'cuda:0', isUp: false };
  t.match(await ask('/health'), { status: 200, body: { models: [{ name: 'm', isUp: false }], engines } });
  t.match(await ask(), { status: 503, body: { status: 'noEngine', engines } });
});

t.test('failures after which a process has lost its GPU', async (t) => {
  for (const message of [
    'CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=h ; file=f ; line=1 ; expr=e;',
    'Non-zero status code returned while running Gemm node. CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0',
    'CUDNN failure 5000: CUDNN_STATUS_EXECUTION_FAILED ; GPU=1',
    'CUDA: unspecified launch failure (719)',
  ]) {
    t.ok(isDeviceLost(message), message);
  }
  for (const message of [
    'CUDA failure 2: out of memory ; GPU=0',
    'CUDA: out of memory (2)',
    'Failed to allocate memory for requested buffer of size 1024',
    'indices element out of data bounds, idx=1000',
  ]) {
    t.notOk(isDeviceLost(message), message);
  }
});

t.test('transcribe --offline takes devices, a server has its own', async (t) => {
  const flags = { server: 'ws://127.0.0.1:8080', retry: 0 };
  t.doesNotThrow(() => checkUsage(['a.wav'], { ...flags, offline: true, devices: 'cuda:0,cuda:1' }));
  t.throws(() => checkUsage(['a.wav'], { ...flags, offline: true, devices: 'gpu' }), {
    exitCode: 2,
    message: /cuda:0/,
  });
  t.throws(() => checkUsage(['a.wav'], { ...flags, devices: 'cuda:0' }), { exitCode: 2, message: /for --offline/ });
});
