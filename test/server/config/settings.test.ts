// The settings: one table, four sources in order, wrong values named.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Command } from 'commander';
import t from 'tap';
import { listSettings, settingOptions, settingsPage } from '../../../server/src/config/describe-settings.js';
import { resolveSettings, SettingsError, type SettingSources } from '../../../server/src/config/resolve-settings.js';
import { flagOf, variableOf } from '../../../server/src/config/setting.js';
import { SETTINGS } from '../../../server/src/config/settings.js';
import { SOTTO_ARGUMENTS, SOTTO_ENVIRONMENT } from '../../support/sotto-command.js';
import { testFolder } from '../../support/test-folder.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const resolve = (sources: Partial<SettingSources> = {}) => resolveSettings({ flags: {}, environment: {}, ...sources });

t.test('defaults: every setting has a valid one, and a meaning', async (t) => {
  const { settings, origins } = resolve();
  t.match(settings, { host: '127.0.0.1', port: 8080, transport: 'auto' });
  t.same(Object.keys(settings), [...SETTINGS.keys()]);
  for (const [key, setting] of SETTINGS) {
    t.equal(origins.get(key), 'default');
    t.match(setting.meaning, /^[A-Z].*[.)]$/s, `${key} is explained`);
    if (key.endsWith('Ms')) t.equal(setting.unit, 'milliseconds', `${key} has its unit`);
  }
});

t.test('names: flag and variable follow from the key', async (t) => {
  t.equal(flagOf('messageBytesMax'), '--message-bytes-max');
  t.equal(variableOf('messageBytesMax'), 'SOTTO_MESSAGE_BYTES_MAX');
  const variables = [...SETTINGS].flatMap(([key, setting]) => [variableOf(key), ...setting.otherVariables]);
  t.equal(new Set(variables).size, variables.length, 'no variable means two settings');
});

t.test('sources: a flag beats a variable, which beats the file, which beats the default', async (t) => {
  const file = join(testFolder(t, { 'sotto.json': '{"port": 1, "host": "::1", "holdbackMs": 100}' }), 'sotto.json');
  const environment = { SOTTO_PORT: '2', SOTTO_HOLDBACK_MS: '200', PORT: '4' };
  const { settings, origins } = resolve({ flags: { port: '3' }, environment, file });
  t.match(settings, { port: 3, holdbackMs: 200, host: '::1', partialIntervalMs: 500 });
  t.equal(origins.get('port'), '--port');
  t.equal(origins.get('holdbackMs'), 'SOTTO_HOLDBACK_MS');
  t.equal(origins.get('host'), file);
});

t.test('sources: PORT is understood, SOTTO_PORT is stronger, an empty variable is none', async (t) => {
  t.equal(resolve({ environment: { PORT: '4000' } }).settings.port, 4000);
  t.equal(resolve({ environment: { PORT: '4000', SOTTO_PORT: '5000' } }).settings.port, 5000);
  t.equal(resolve({ environment: { PORT: '' } }).settings.port, 8080);
});

t.test('every setting takes its default as a flag and as a variable', async (t) => {
  for (const [key, setting] of SETTINGS) {
    if (setting.default === '') continue;
    const text = String(setting.default);
    t.equal(Reflect.get(resolve({ flags: { [key]: text } }).settings, key), setting.default, flagOf(key));
    t.equal(
      Reflect.get(resolve({ environment: { [variableOf(key)]: text } }).settings, key),
      setting.default,
      variableOf(key),
    );
  }
});

t.test('wrong values are named with what was wanted', async (t) => {
  const file = (text: string): string => join(testFolder(t, { 'sotto.json': text }), 'sotto.json');
  t.equal(message({ flags: { port: 'abc' } }), '--port: expected a whole number from 0 to 65535, got "abc".');
  t.equal(message({ flags: { port: '70000' } }), '--port: expected a whole number from 0 to 65535, got 70000.');
  t.equal(message({ flags: { port: '80.5' } }), '--port: expected a whole number from 0 to 65535, got 80.5.');
  t.equal(message({ environment: { PORT: '-1' } }), 'PORT: expected a whole number from 0 to 65535, got -1.');
  t.equal(
    message({ environment: { SOTTO_TRANSPORT: 'tcp' } }),
    'SOTTO_TRANSPORT: expected one of auto, uws, ws, got "tcp".',
  );
  t.match(
    message({ file: file('{"port": "8080"}') }),
    /^port in .*sotto\.json: expected a whole number .*, got "8080"\.$/,
  );
  t.match(message({ file: file('{"prot": 8080}') }), /there is no setting "prot"/);
  t.match(message({ file: file('[]') }), /expected an object/);
  t.match(message({ file: file('{') }), /cannot be read as JSON/);
  t.match(message({ file: '/does/not/exist.json' }), /cannot be read as JSON: ENOENT/);
});

t.test('help: lists every flag with its default and variable', async (t) => {
  const command = new Command('serve').helpOption('-h, --help').configureHelp({ helpWidth: 1_000 });
  for (const option of settingOptions()) command.addOption(option);
  const help = command.helpInformation();
  for (const [key] of SETTINGS) {
    t.ok(help.includes(`${flagOf(key)} <`), flagOf(key));
    t.ok(help.includes(variableOf(key)), variableOf(key));
  }
  t.match(help, /--drain-timeout-ms <milliseconds> .*default: 10000, env: SOTTO_DRAIN_TIMEOUT_MS/);
});

t.test('documentation: docs/settings.md is what the table says', async (t) => {
  t.equal(
    readFileSync(join(root, 'docs/settings.md'), 'utf8'),
    settingsPage(),
    'write it anew with: npm run -s sotto -- config --markdown > docs/settings.md',
  );
});

t.test('listing: every setting with value and origin', async (t) => {
  const lines = listSettings(resolve({ flags: { port: '1' } })).split('\n');
  t.equal(lines.length, SETTINGS.size);
  t.match(lines[1], /^port +1 +--port$/);
});

t.test('sotto config: prints what is in force, or names what is wrong and exits with 2', async (t) => {
  const { stdout } = await sotto(['config', '--json', '--port', '1234'], { SOTTO_TRANSPORT: 'ws' });
  t.match(JSON.parse(stdout), { port: 1234, transport: 'ws' });
  await t.rejects(sotto(['config'], { SOTTO_PORT: 'x' }), {
    code: 2,
    stderr: 'sotto: SOTTO_PORT: expected a whole number from 0 to 65535, got "x".\n',
  });
  await t.rejects(sotto(['serve', '--prot', '1']), { code: 2, stderr: /unknown option '--prot'/ });
  await t.rejects(sotto(['sing']), { code: 2, stderr: /unknown command 'sing'/ });
});

/** What the refusal of these sources says. */
function message(sources: Partial<SettingSources>): string {
  try {
    resolve(sources);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  return 'accepted';
}

function sotto(args: string[], environment: NodeJS.ProcessEnv = {}): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, [...SOTTO_ARGUMENTS, ...args], {
    env: { ...process.env, ...SOTTO_ENVIRONMENT, ...environment },
  });
}
