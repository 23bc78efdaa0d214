// `sotto transcribe` as a process: files and raw PCM in, words out, and every failure one clear line.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bytesPerFrame, type StartMessage, type StoppedMessage } from '@sotto/protocol';
import t, { type Test } from 'tap';
import { checkUsage } from '../../../server/src/cli/transcribe.js';
import type { TranscriptSegment } from '../../../server/src/captions/cues.js';
import { rewritingFlags } from '../../../server/src/cli/rewriting-flags.js';
import type { TranscribeFlags } from '../../../server/src/cli/transcribe-flags.js';
import { fixtureSamples } from '../../support/fixtures.js';
import { NO_DECODER } from '../../support/no-decoder.js';
import { runSotto } from '../../support/run-command.js';
import { s16le, wavFile } from '../../support/wav-file.js';
import { READY, startWireServer, type WirePeer, type WireScript } from '../../support/wire-server.js';
import { sampled, wholeRunOnly } from '../../support/whole-run.js';

const YES = fileURLToPath(new URL('../../fixtures/audio/en-short-yes.flac', import.meta.url));
const STOP = fileURLToPath(new URL('../../fixtures/audio/en-short-stop.flac', import.meta.url));

interface Heard {
  start: StartMessage | undefined;
  samples: number;
}

/** Hears "one word" in every second of audio that it is sent, and acknowledges at once. */
function listener(): { script: WireScript; sessions: Heard[] } {
  const sessions: Heard[] = [];
  const byPeer = new Map<WirePeer, Heard>();
  const script: WireScript = (message, peer) => {
    const heard = byPeer.get(peer) ?? { start: undefined, samples: 0 };
    if (!byPeer.has(peer)) sessions.push(heard);
    byPeer.set(peer, heard);
    if (message.type === 'start') {
      heard.start = message;
      peer.send(READY);
    } else if (message.type === 'audio' && heard.start !== undefined) {
      heard.samples = message.offset + message.data.byteLength / bytesPerFrame(heard.start.audio);
      peer.send({ type: 'ack', offset: heard.samples, lagMs: 0 });
    } else if (message.type === 'stop') {
      const audioMs = (heard.samples * 1_000) / (heard.start?.audio.sampleRate ?? 1);
      const words = ['Yes', 'indeed.'].map((text, index) => ({
        text,
        startMs: index * 400,
        endMs: index * 400 + 390,
        confidence: 0.9,
      }));
      const final = { reason: 'stop', language: 'en', avgLogprob: -0.1, noSpeechProb: 0.02 } as const;
      peer.send(
        { type: 'speechStarted', segmentId: 0, startMs: 0 },
        { type: 'partial', segmentId: 0, revision: 1, stable: '', tentative: 'Yes', startMs: 0, endMs: 400, lagMs: 0 },
        {
          type: 'final',
          ...final,
          segmentId: 0,
          text: 'Yes indeed.',
          startMs: 0,
          endMs: 790,
          ...(heard.start?.words && { words }),
        },
        { type: 'final', ...final, segmentId: 1, text: '', noise: 'noSpeech', startMs: 800, endMs: audioMs },
        { type: 'final', ...final, segmentId: 2, text: 'Again.', startMs: 900, endMs: audioMs },
        { type: 'stopped', reason: 'stop', audioMs, speechMs: 790, segments: 3, words: 3 } satisfies StoppedMessage,
      );
      peer.close(1000);
    }
  };
  return { script, sessions };
}

async function startListener(t: Test) {
  const { script, sessions } = listener();
  const { url } = await startWireServer(t, script);
  return { url, sessions };
}

async function temporaryFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-transcribe-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

t.test('without a terminal the finals come one a line, with the settings that were asked for', async (t) => {
  const { url, sessions } = await startListener(t);
  const flags = ['--fast', '--language', 'en', '--prompt', 'At the altar.', '--hotword', 'Sotto', '--hotword', 'Ada'];
  const { code, stdout, stderr } = await runSotto(['transcribe', YES, '--server', url, ...flags]).result;
  t.strictSame({ code, stdout, stderr }, { code: 0, stdout: 'Yes indeed.\nAgain.\n', stderr: '' });
  t.equal(sessions.length, 1);
  t.match(sessions[0]?.start, {
    audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 },
    language: 'en',
    prompt: 'At the altar.',
    hotwords: ['Sotto', 'Ada'],
  });
  t.ok((sessions[0]?.samples ?? 0) > 8_000);
});

t.test('a file is played at the pace of speech unless --fast', async (t) => {
  const { url, sessions } = await startListener(t);
  const run = async (...flags: string[]) => {
    const startedAt = performance.now();
    t.equal((await runSotto(['transcribe', YES, ...flags], { env: { SOTTO_SERVER: url } }).result).code, 0);
    return performance.now() - startedAt;
  };
  const fastMs = await run('--fast');
  const pacedMs = await run();
  const audioMs = (sessions[0]?.samples ?? 0) / 16;
  t.ok(
    pacedMs >= audioMs,
    `${Math.round(pacedMs)} ms for ${Math.round(audioMs)} ms of audio, ${Math.round(fastMs)} ms with --fast`,
  );
  t.equal(sessions[1]?.samples, sessions[0]?.samples);
});

t.test('--json prints every event', async (t) => {
  const { url } = await startListener(t);
  const { code, stdout } = await runSotto(['transcribe', YES, '--server', url, '--fast', '--json', '--words']).result;
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; file?: string });
  t.equal(code, 0);
  t.strictSame(
    events.map(({ type }) => type).filter((type) => type !== 'ack'),
    ['ready', 'speechStarted', 'partial', 'final', 'final', 'final', 'stopped'],
  );
  t.match(
    events.find(({ type }) => type === 'final'),
    { words: [{ text: 'Yes' }, { text: 'indeed.' }], file: undefined },
  );
});

t.test('- reads raw PCM of the given rate and channels', async (t) => {
  const { url, sessions } = await startListener(t);
  const flags = ['--server', url, '--rate', '48000', '--channels', '2'];
  const { code, stdout } = await runSotto(['transcribe', '-', ...flags], { input: new Uint8Array(48_000 * 4 + 3) })
    .result;
  t.strictSame([code, stdout], [0, 'Yes indeed.\nAgain.\n']);
  t.match(sessions[0], {
    start: { audio: { encoding: 'pcm_s16le', sampleRate: 48_000, channels: 2 } },
    samples: 48_000,
  });
});

t.test('- knows a file by its first bytes: one of any format, and a stream whose length was not known', async (t) => {
  const { url, sessions } = await startListener(t);
  // As `ffmpeg -f wav -` begins.
  const endless = { tag: 1, sampleRate: 44_100, channels: 2, bits: 16, claimedBytes: 0xffff_ffff } as const;
  for (const input of [await readFile(YES), wavFile(endless, new Uint8Array(44_100 * 4))]) {
    const { code, stdout, stderr } = await runSotto(['transcribe', '-', '--server', url], { input }).result;
    t.strictSame({ code, stdout, stderr }, { code: 0, stdout: 'Yes indeed.\nAgain.\n', stderr: '' });
    t.match(sessions.at(-1)?.start, { audio: { encoding: 'pcm_s16le', sampleRate: 16_000, channels: 1 } });
  }
  t.ok((sessions[0]?.samples ?? 0) > 8_000);
  t.ok(Math.abs((sessions[1]?.samples ?? 0) - 16_000) < 40, `${sessions[1]?.samples} samples of a second`);
});

t.test('- with bytes that are no known file, or none at all: one line that says what to do, exit code 1', async (t) => {
  const { url } = await startListener(t);
  const inputs = [
    [new Uint8Array(32_000), /^sotto: standard input: .*not audio of a known format.*raw PCM.*--raw.*\n$/],
    [new Uint8Array(0), /^sotto: standard input: .*empty.*\n$/],
  ] as const;
  for (const [input, said] of sampled(inputs, 1)) {
    const { code, stdout, stderr } = await runSotto(['transcribe', '-', '--server', url], { input }).result;
    t.strictSame([code, stdout], [1, '']);
    t.match(stderr, said);
  }
});

t.test('Ctrl-C ends the audio and the finals still come', async (t) => {
  const endless = { tag: 1, sampleRate: 16_000, bits: 16, claimedBytes: 0xffff_ffff } as const;
  const inputs = [
    [['--raw'], new Uint8Array(32_000)],
    [[], wavFile(endless, new Uint8Array(32_800))],
  ] as const;
  for (const [flags, input] of sampled(inputs, 1)) {
    const { url, sessions } = await startListener(t);
    const { child, result } = runSotto(['transcribe', '-', '--server', url, ...flags]);
    child.stdin?.write(input);
    while ((sessions[0]?.samples ?? 0) < 16_000) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    t.match(await result, { code: 0, stdout: 'Yes indeed.\nAgain.\n', stderr: '' });
  }
});

t.test('several files are told apart, and -f with -o writes one transcript for each', async (t) => {
  const { url } = await startListener(t);
  const both = await runSotto(['transcribe', YES, STOP, '--server', url, '--fast']).result;
  t.equal(both.stdout, `==> ${YES} <==\nYes indeed.\nAgain.\n==> ${STOP} <==\nYes indeed.\nAgain.\n`);
  const folder = await temporaryFolder(t);
  const flags = ['--server', url, '--fast', '-f', 'vtt', '-o', join(folder, 'new')];
  const { code, stdout } = await runSotto(['transcribe', YES, STOP, ...flags]).result;
  const [yes, stop] = [join(folder, 'new', 'en-short-yes.vtt'), join(folder, 'new', 'en-short-stop.vtt')];
  t.strictSame([code, stdout], [0, `${yes}\n${stop}\n`]);
  t.match(
    await readFile(yes, 'utf8'),
    /^WEBVTT\n\n00:00:00\.000 --> 00:00:00\.817\nYes indeed\.\n\n00:00:00\.900 --> /,
  );
  t.match(await readFile(stop, 'utf8'), /^WEBVTT/);
});

t.test('no server: one line that says how to start one, exit code 1', async (t) => {
  const { code, stdout, stderr } = await runSotto(['transcribe', YES, '--server', 'ws://127.0.0.1:9']).result;
  t.strictSame([code, stdout], [1, '']);
  t.equal(
    stderr,
    'sotto: No Sotto server is running at ws://127.0.0.1:9. Start one with "npx sotto serve", or name another with --server URL.\n',
  );
});

t.test('a server that refuses or vanishes: one line, exit code 1', async (t) => {
  const refusing = await startWireServer(t, (_, peer) => {
    peer.send({ type: 'error', code: 'overloaded', message: 'All places are taken.', retryable: true, fatal: true });
    peer.close(1013);
  });
  t.match(await runSotto(['transcribe', YES, '--server', refusing.url]).result, {
    code: 1,
    stderr: 'sotto: The server says: All places are taken. (overloaded)\n',
  });
  const vanishing = await startWireServer(t, (message, peer) => {
    if (message.type === 'start') peer.send(READY);
    if (message.type === 'audio') peer.terminate();
  });
  t.match(await runSotto(['transcribe', YES, '--server', vanishing.url, '--retry', '0']).result, {
    code: 1,
    stderr: 'sotto: The connection to the server was lost (1006).\n',
  });
  t.match(await runSotto(['transcribe', YES, '--server', vanishing.url, '--retry', '1']).result, {
    code: 1,
    stderr:
      /^sotto: The connection was lost; it is being made again\.\nsotto: The connection to the server was lost \(1006\)\.\n$/,
  });
});

t.test('a file that is missing or no audio: one line that names it, exit code 1', async (t) => {
  const { url } = await startListener(t);
  const folder = await temporaryFolder(t);
  const notes = join(folder, 'notes.wav');
  await writeFile(notes, 'These are no samples.\n');
  for (const file of sampled([notes, join(folder, 'missing.wav')], 1)) {
    const { code, stdout, stderr } = await runSotto(['transcribe', file, '--server', url, '--fast']).result;
    t.strictSame([code, stdout], [1, '']);
    t.match(stderr, /^sotto: .*(notes|missing)\.wav: .*\n$/);
  }
});

t.test('--offline decodes files in this process', async (t) => {
  const folder = await temporaryFolder(t);
  const flags = ['--offline', '-f', 'json', '--words', '-o', folder];
  const { code, stdout, stderr } = await runSotto(['transcribe', YES, ...flags]).result;
  const written = join(folder, 'en-short-yes.json');
  t.strictSame({ code, stdout }, { code: 0, stdout: `${written}\n` });
  t.match(stderr, /^sotto: 1 file, 0:0\d of audio in \d:\d\d \(\d+\.\d times as fast as speech\)\n$/);
  const transcript = JSON.parse(await readFile(written, 'utf8')) as { text: string; segments: TranscriptSegment[] };
  t.type(transcript.text, 'string');
  for (const { text, words, startMs, endMs } of transcript.segments) {
    t.not(text, '');
    t.ok(startMs < endMs && words?.every((word) => word.startMs >= startMs && word.endMs <= endMs));
  }
});

t.test('--separate-channels: each channel of a file is a speaker', wholeRunOnly, async (t) => {
  const folder = await temporaryFolder(t);
  const call = join(folder, 'call.wav');
  const said = await fixtureSamples('en-short-yes');
  const [rate, gap] = [16_000, 8_000];
  // The first channel says it a while after the second.
  const samples = new Float32Array(2 * (2 * said.length + gap));
  for (const [at, sample] of said.entries()) {
    samples[2 * (at + said.length + gap)] = sample;
    samples[2 * at + 1] = sample;
  }
  await writeFile(call, wavFile({ tag: 1, channels: 2, sampleRate: rate, bits: 16 }, s16le(Array.from(samples))));
  const { url, sessions } = await startListener(t);
  const live = await runSotto(['transcribe', call, '--separate-channels', '--server', url, '--fast']).result;
  t.equal(live.code, 0, live.stderr);
  t.match(sessions[0], {
    start: { channels: 'separate', audio: { channels: 2, sampleRate: rate } },
    samples: samples.length / 2,
  });
  const offline = await runSotto(['transcribe', call, '--separate-channels', '--offline']).result;
  t.match(offline, { code: 0, stdout: /^Speaker 2: .+\nSpeaker 1: .+\n$/ }, offline.stderr);
});

t.test('--offline with a model or a file that is not there: one line, exit code 1', async (t) => {
  const model = await runSotto(['transcribe', YES, '--offline', '--model', 'absent']).result;
  t.match(model, { code: 1, stdout: '', stderr: /^sotto: .*"absent".*\n$/ });
  const file = await runSotto(['transcribe', 'missing.wav', '--offline']).result;
  t.match(file, { code: 1, stdout: '', stderr: /^sotto: missing\.wav: .*\n$/ });
});

t.test('--offline where no decoder can be started: one line, exit code 1', wholeRunOnly, async (t) => {
  const { code, stdout, stderr } = await runSotto(['transcribe', YES, '--offline'], { env: NO_DECODER }).result;
  t.strictSame([code, stdout], [1, '']);
  t.match(stderr, /^sotto: .*en-short-yes\.flac: No process could be started to decode audio \(.*\n$/);
});

t.test('a key that is none: one line, exit code 2', async (t) => {
  for (const command of sampled(
    [
      ['transcribe', YES],
      ['jobs', 'list'],
    ],
    1,
  )) {
    const { code, stderr } = await runSotto(command, { env: { SOTTO_KEY: 'two words' } }).result;
    t.equal(code, 2);
    t.match(stderr, /^sotto: SOTTO_KEY is no key: .*\n$/);
  }
});

t.test('wrong usage: exit code 2 and what was wanted', async (t) => {
  const wrong = [
    [[], /missing required argument 'files'/],
    [[YES, '--rate', '7'], /whole number from 8000 to 48000/],
    [[YES, '-o', 'here'], /^sotto: --output-dir needs a format/],
  ] as const;
  for (const [args, message] of sampled(wrong, 1)) {
    t.match(await runSotto(['transcribe', ...args]).result, { code: 2, stdout: '', stderr: message });
  }
});

t.test('flags that do not go together are refused', async (t) => {
  const defaults: TranscribeFlags = { server: 'ws://127.0.0.1:8080', retry: 0 };
  const refuses = (files: string[], flags: Partial<TranscribeFlags>, message: RegExp) =>
    t.throws(() => checkUsage(files, { ...defaults, ...flags }), { name: 'CommandError', exitCode: 2, message });
  refuses(['-'], { separateChannels: true }, /--separate-channels hears files, and raw PCM with --channels/);
  refuses([YES], { redact: 'card,dates' }, /--redact takes card, phone, .* got "dates"/);
  refuses([YES], { replace: ['jason'] }, /--replace takes a word and what to write for it/);
  refuses([YES], { offline: true, profanity: 'mask' }, /need a server/);
  t.strictSame(
    rewritingFlags({ ...defaults, replace: ['jason = JSON', 'a='], redact: 'names, card', redactNames: 'Ann, Bo' }),
    {
      replacements: [
        { find: 'jason', replace: 'JSON' },
        { find: 'a', replace: '' },
      ],
      redact: ['names', 'card'],
      redactNames: ['Ann', 'Bo'],
    },
  );
  refuses([YES], { server: 'localhost:8080' }, /--server takes a URL such as ws:/);
  refuses([YES], { server: 'ws://[' }, /--server takes a URL such as ws:/);
  refuses(['-', '-'], {}, /Standard input can be read once/);
  refuses([YES], { raw: true }, /for standard input/);
  refuses([YES], { rate: 8_000 }, /for standard input/);
  refuses([YES], { json: true, format: 'txt' }, /one of --json and --format/);
  refuses([YES], { track: 'second' }, /--track takes a number/);
  refuses(
    ['a/talk.wav', 'b/Talk.mp3'],
    { format: 'srt', outputDir: 'out' },
    /^a\/talk\.wav and b\/Talk\.mp3 would have/,
  );
  t.doesNotThrow(() => checkUsage(['a/talk.wav', 'b/talks.wav'], { ...defaults, format: 'srt', outputDir: 'out' }));
  refuses([YES], { model: 'whisper-base-adapted' }, /--model is for --offline/);
  refuses(['-'], { offline: true }, /--offline reads files/);
  refuses([YES], { offline: true, json: true }, /use -f json/);
  t.doesNotThrow(() => checkUsage([YES, '-'], { ...defaults, format: 'srt', outputDir: 'here', fast: true }));
});
