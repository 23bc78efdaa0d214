// Every command and every program of docs/compatibility.md, installed and run as it stands there. (Its settings for
// LiveKit and pipecat: test/plugins.)
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { commandsIn, jsonIn, programsIn, type DocumentedProgram } from '../../support/document-commands.js';
import { packagesPlace } from '../../support/foreign-packages.js';
import { freePort } from '../../support/free-port.js';
import { noOpenssl } from '../../support/certificate.js';
import { markedTalk } from '../../support/marked-talk.js';
import { runSotto } from '../../support/run-command.js';
import { runProgram } from '../../support/run-program.js';
import { MARKED, ServerProcess } from '../../support/server-process.js';
import { testFolder } from '../../support/test-folder.js';
import { wavFile } from '../../support/wav-file.js';
import { wholeRunOnly } from '../../support/whole-run.js';

t.setTimeout(900_000);

const DOCUMENT = 'docs/compatibility.md';
const PROGRAM_TIMEOUT_MS = 120_000;
const SPEECH = await markedTalk(['en-question']);
const SAID = SPEECH.words.join(' ');

interface Place {
  readonly folder: string;
  /** Gives a text of the document the ports of the servers of this test. */
  readonly here: (text: string) => string;
}

/** What the document's own commands start, and the recording that its programs read. */
async function start(t: Test): Promise<Place> {
  const folder = testFolder(t);
  const audio = new Uint8Array(SPEECH.samples.buffer);
  await writeFile(join(folder, 'speech.wav'), wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, audio));
  const wyoming = await freePort();
  const ports: Record<string, string> = { tcp: wyoming };
  for (const command of await commandsIn(DOCUMENT)) {
    const [npx, sotto, name = '', ...flags] = command.split(' ');
    t.strictSame([npx, sotto], ['npx', 'sotto'], command);
    if (name === 'cert') t.equal((await runSotto([name, ...flags], { cwd: folder }).result).code, 0, command);
    if (name !== 'serve') continue;
    const own = flags.map((flag) => (flag === '10300' ? wyoming : flag.startsWith('tls/') ? join(folder, flag) : flag));
    const server = await ServerProcess.start(t, [...MARKED, ...own]);
    const { protocol, port } = new URL(server.http);
    ports[protocol.slice(0, -1)] = port;
  }
  t.ok(ports['http'] !== undefined && ports['https'] !== undefined, 'one with TLS and one without');
  const here = (text: string): string =>
    text.replaceAll(
      /(https|wss|http|ws|tcp)(:\/\/(?:localhost|127\.0\.0\.1):)\d+/g,
      (_, scheme: string, host: string) => [scheme, host, ports[scheme.replace('ws', 'http')] ?? ''].join(''),
    );
  return { folder, here };
}

/** Runs one; skips it where a registry has not got its packages, or is out of reach. */
async function runDocumented(t: Test, program: DocumentedProgram, { folder, here }: Place): Promise<void> {
  const { registry, packages, environment, file, text } = program;
  const place = await packagesPlace(registry, packages);
  if ('missing' in place) {
    t.plan(0, place.missing);
    return;
  }
  const path = join(place.program, file);
  await writeFile(path, here(text));
  const isPython = registry === 'pip';
  const { stdout, stderr } = await runProgram(isPython ? 'python3' : process.execPath, [path], {
    cwd: folder,
    env: { ...environment, ...(isPython && { PYTHONPATH: place.program, PYTHONDONTWRITEBYTECODE: '1' }) },
    timeoutMs: PROGRAM_TIMEOUT_MS,
  });
  const lines = stdout.split('\n').filter((line) => line.trim() !== '');
  const prints = [...text.matchAll(/\b(?:console\.log|print)\(/g)];
  t.strictSame(
    lines,
    Array.from(prints, () => SAID),
    stderr.slice(-2_000),
  );
}

t.test('clients hear what is said', { skip: wholeRunOnly.skip || noOpenssl }, async (t) => {
  const place = await start(t);
  const programs = await programsIn(DOCUMENT);
  t.ok(programs.length >= 10, `${programs.length} programs`);
  for (const program of programs) {
    await t.test(program.packages.join(' '), (t) => runDocumented(t, program, place));
  }

  await t.test("a language model's client", async (t) => {
    const [settings] = (await jsonIn(DOCUMENT)) as { mcpServers: { sotto: { command: string; args: string[] } } }[];
    const { command, args = [] } = settings?.mcpServers.sotto ?? {};
    t.strictSame([command, args[0]], ['npx', 'sotto']);
    const calls = [
      { id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {} } },
      { id: 2, method: 'tools/call', params: { name: 'transcribe_file', arguments: { path: 'speech.wav' } } },
    ];
    const lines = calls.map((call) => `${JSON.stringify({ jsonrpc: '2.0', ...call })}\n`).join('');
    const { stdout, stderr } = await runSotto(args.slice(1).map(place.here), {
      cwd: place.folder,
      input: Buffer.from(lines),
    }).result;
    const answers = stdout
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    t.match(answers.at(-1), { id: 2, result: { content: [{ text: SAID }] } }, stderr);
  });
});
