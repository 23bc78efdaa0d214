// The plug-ins for LiveKit Agents and pipecat inside the real frameworks: speech goes in at one end, words come out at
// the other, also where the connection breaks on the way. And the frameworks' own plug-ins for other services, as
// docs/compatibility.md sets them up.
import { spawn } from 'node:child_process';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { CALM, ChaosProxy } from '../support/chaos-proxy.js';
import { tableCode } from '../support/document-commands.js';
import { fixtureSamples } from '../support/fixtures.js';
import { nodePlace, pythonPlace } from '../support/plugin-places.js';
import { runProgram } from '../support/run-program.js';
import { ServerProcess } from '../support/server-process.js';
import { testFolder } from '../support/test-folder.js';
import { s16le, wavFile } from '../support/wav-file.js';
import { isWholeRun } from '../support/whole-run.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const repository = fileURLToPath(new URL('../..', import.meta.url));
const SAID = 'Save the file before you close the window.';
/** Of a partial: how its first word is heard depends on when it is asked for. */
const HEARD_EARLY = /file/;

interface Line {
  readonly type: string;
  readonly text?: string;
  readonly words?: readonly (readonly [string, number, number])[] | number;
  readonly seconds?: number;
  readonly finalized?: boolean;
  readonly model?: string;
}

interface Agent {
  readonly program: string;
  readonly script: string;
}

/** Runs an agent and reads what it prints; `onLine` is told of each line as it comes. */
async function talk(
  { program, script }: Agent,
  args: readonly string[],
  onLine: (line: Line) => void = () => {},
): Promise<Line[]> {
  const child = spawn(program, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (data) => (stderr += String(data)));
  const lines: Line[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const parsed = JSON.parse(line) as Line;
    lines.push(parsed);
    onLine(parsed);
  }
  if (!lines.some(({ type }) => type.startsWith('final'))) throw new Error(`It heard nothing: ${stderr.slice(-2_000)}`);
  return lines;
}

/** Where speech and its server are: `url` leads through a proxy. */
async function speech(t: Test) {
  const server = await ServerProcess.start(t);
  const proxy = await ChaosProxy.start(t, Number(new URL(server.http).port), CALM);
  const wav = join(testFolder(t), 'speech.wav');
  const silence = new Float32Array(16_000);
  const samples = [...(await fixtureSamples('en-computer')), ...silence];
  await writeFile(wav, wavFile({ tag: 1, sampleRate: 16_000, bits: 16 }, s16le(samples)));
  return { proxy, wav, url: proxy.url };
}

const textsOf = (lines: readonly Line[], type: string) =>
  lines.filter((line) => line.type === type).map(({ text }) => text);

/** All that the document says of a framework, one after the other. */
async function documented(t: Test, { program, script }: Agent, framework: string): Promise<void> {
  const settings = await tableCode('docs/compatibility.md', framework);
  t.equal(settings.length, 3, `${framework}: OpenAI, Deepgram, Flux`);
  const { proxy, wav } = await speech(t);
  const { host } = new URL(proxy.url);
  const here = settings.map((setting) => setting.replace('localhost:8080', host));
  const { stdout, stderr } = await runProgram(program, [script, wav, ...here]);
  t.strictSame(
    stdout.trim().split('\n'),
    settings.map(() => SAID),
    stderr.slice(-2_000),
  );
}

/** LiveKit's streams: their events in order, one final, and the same words again where the connection was cut. */
async function livekit(t: Test, agent: Agent, ending = ['recognized']): Promise<void> {
  const { proxy, wav, url } = await speech(t);
  const lines = await talk(agent, [url, wav]);
  t.strictSame(textsOf(lines, 'final_transcript'), [SAID]);
  t.match(textsOf(lines, 'interim_transcript').at(-1), HEARD_EARLY);
  const types = lines.map(({ type }) => type).filter((type) => type !== 'interim_transcript');
  t.strictSame(types, ['start_of_speech', 'final_transcript', 'end_of_speech', 'recognition_usage', ...ending]);
  const final = lines.find(({ type }) => type === 'final_transcript');
  const words = Array.isArray(final?.words) ? final.words : [];
  t.strictSame(words.map(([word]) => word).join(' '), SAID);
  t.ok(
    words.every(([, start, end]) => start <= end && end < 4),
    'words have times',
  );
  const { seconds = 0 } = lines.find(({ type }) => type === 'recognition_usage') ?? {};
  t.ok(seconds > 3 && seconds < 5, `it tells the length of the audio, ${seconds} s`);
  for (const text of textsOf(lines, 'stereo')) t.equal(text, SAID, 'at another rate');
  t.match(lines.at(-1), { type: 'recognized', text: SAID, model: 'whisper-base-adapted' });
  t.strictSame(textsOf(lines, 'error'), []);

  const before = proxy.connections;
  let hasCut = false;
  const again = await talk(agent, [url, wav], ({ type }) => {
    if (type !== 'interim_transcript' || hasCut) return;
    hasCut = true;
    proxy.cutAll();
  });
  t.strictSame(textsOf(again, 'final_transcript'), [SAID], 'a lost connection costs no words');
  t.ok(proxy.connections - before >= 3, 'it was made again');
}

t.test('in Python', { skip: !isWholeRun && 'in npm run test:all', timeout: 900_000 }, async (t) => {
  const place = await pythonPlace();
  if ('missing' in place) {
    t.plan(0, place.missing);
    return;
  }
  const python = (script: string): Agent => ({ program: place.program, script: join(here, script) });

  t.test('LiveKit Agents', (t) => livekit(t, python('livekit_agent.py')));

  t.test('pipecat', async (t) => {
    const { proxy, wav, url } = await speech(t);
    const lines = await talk(python('pipecat_agent.py'), [url, wav]);
    t.match(lines.at(-1), { type: 'final', text: SAID, finalized: true, words: 8 });
    t.match(textsOf(lines, 'interim').at(-1), HEARD_EARLY);
    t.strictSame(textsOf(lines, 'error'), []);
    let hasCut = false;
    const again = await talk(python('pipecat_agent.py'), [url, wav], ({ type }) => {
      if (type !== 'interim' || hasCut) return;
      hasCut = true;
      proxy.cutAll();
    });
    t.strictSame(textsOf(again, 'final'), [SAID], 'a lost connection costs no words');
  });

  t.test('LiveKit Agents by its own plug-ins', (t) =>
    documented(t, python('documented_livekit.py'), 'LiveKit agents (Python)'),
  );

  t.test('pipecat by its own services', (t) => documented(t, python('documented_pipecat.py'), 'pipecat'));

  t.test('a server that is not there, and one that refuses', async (t) => {
    const script = join(here, 'wire_errors.py');
    const { url } = await speech(t);
    const { stdout } = await runProgram(place.program, [script, url]);
    t.strictSame(stdout.trim().split('\n'), [
      'connection_lost True',
      'unsupported_language False',
      'ValueError 3 bytes are not whole samples of 2 bytes.',
      'BufferError More than 60000 ms of audio wait for the server.',
    ]);
  });
});

t.test('in Node', { skip: !isWholeRun && 'in npm run test:all', timeout: 900_000 }, async (t) => {
  const place = await nodePlace();
  if ('missing' in place) {
    t.plan(0, place.missing);
    return;
  }
  const agent = async (name: string): Promise<Agent> => {
    const script = join(place.program, name);
    await copyFile(join(here, name), script);
    return { program: process.execPath, script };
  };

  t.test('LiveKit Agents', async (t) =>
    livekit(t, await agent('livekit-agent.mjs'), ['AbortError', 'stereo', 'recognized']),
  );

  t.test('LiveKit Agents by its own plug-ins', async (t) =>
    documented(t, await agent('documented-livekit.mjs'), 'LiveKit agents (JavaScript)'),
  );

  t.test('its types are those of LiveKit', async (t) => {
    const program = join(place.program, 'typed.ts');
    await writeFile(program, "export { SottoSTT } from '@sotto/livekit-stt';\n");
    const tsc = join(repository, 'node_modules/typescript/lib/tsc.js');
    const flags = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'es2022',
    ];
    const { code, stdout } = await runProgram(process.execPath, [tsc, ...flags, program]);
    t.equal(code, 0, stdout);
  });
});
