// Decodes what no decoder of ours reads: through ffmpeg in a process of its own, bytes in, FLAC out.
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { constants, setPriority, tmpdir } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '@sotto/protocol';
import { AudioFileError, CONVERT, type AudioFileWarning } from '../audio-errors.js';
import { Semaphore } from '../../time/semaphore.js';
import { SLICE_TIMEOUT_MS } from '../decode-limits.js';
import { CODECS } from './ffmpeg-codecs.js';

/**
 * Addresses that one may use, KiB: ffmpeg takes some 100 MB. Time on a core, seconds: a day of AC-3 takes two minutes.
 */
const [MEMORY_KIB, CORE_S] = [1_048_576, 900];
/** Bytes that may come out, and of each byte in: speech codecs of 2 kb/s give 128 kb/s of samples. */
const [OUT_BYTES, OUT_BYTES_PER_BYTE] = [16_777_216, 100];
/** Of what it says, for us to read. */
const SAID_CHARS_MAX = 4_000;
const WATCH_MS = 1_000;
/** At a time: a file more waits for its turn. */
const PLACES = new Semaphore(8);

export interface ThroughFfmpegOptions {
  readonly program: string;
  /** The one demuxer that may read the file: none that opens other files. */
  readonly demuxer: string;
  /** For messages. */
  readonly name: string;
  /** The number of a sound track, from 1. Default: the first. */
  readonly track?: string | undefined;
  readonly warn: (warning: AudioFileWarning) => void;
}

type Ffmpeg = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * A sound track of a file as FLAC of 16 bits, with its own rate and channels. Nothing but the pipe can be read, and
 * only by the named demuxer and the known decoders of sound. Throws AudioFileError (`not_audio`, `no_samples`,
 * `no_track`, `audio_too_long`, `audio_too_complex`), or what `bytes` throws; the process is ended however the
 * iteration ends.
 */
export async function* throughFfmpeg(
  bytes: AsyncIterable<Uint8Array>,
  options: ThroughFfmpegOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (options.track !== undefined && !/^\d+$/.test(options.track)) {
    throw new AudioFileError('no_track', `Sound tracks of ${options.name} files are chosen by number: 1, 2, …`);
  }
  const release = await PLACES.take();
  const run = new Run(options);
  const feeding = run.feed(bytes);
  let out = 0;
  try {
    for (;;) {
      const piece = await run.next();
      if (piece === undefined) break;
      out += piece.length;
      if (out > OUT_BYTES + run.bytesIn * OUT_BYTES_PER_BYTE) {
        throw new AudioFileError('audio_too_long', `${run.bytesIn} bytes of the file claim too much audio.`);
      }
      yield piece;
    }
    await run.over(out);
  } finally {
    run.leave();
    release();
    await feeding;
  }
}

/** One process. */
class Run {
  bytesIn = 0;
  readonly #options: ThroughFfmpegOptions;
  readonly #child: Ffmpeg;
  readonly #out: AsyncIterator<Buffer>;
  readonly #exited: Promise<number | null>;
  #said = '';
  /** What the source of the bytes threw. */
  #sourceError: { readonly cause: unknown } | undefined;
  #isStuck = false;
  /** It has had all bytes that there are by now. */
  #isHungry = true;

  constructor(options: ThroughFfmpegOptions) {
    this.#options = options;
    this.#child = start(options);
    this.#out = this.#child.stdout[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', (code) => resolve(code));
      // The program is there and cannot be started.
      this.#child.once('error', (error) => {
        this.#said += messageOf(error);
        resolve(-1);
      });
    });
    this.#child.stdin.on('error', () => {});
    this.#child.stderr.setEncoding('utf8');
    this.#child.stderr.on('data', (text: string) => {
      if (this.#said.length < SAID_CHARS_MAX) this.#said += text;
    });
  }

  /** Gives it the bytes, as many as it takes. Never rejects. */
  async feed(bytes: AsyncIterable<Uint8Array>): Promise<void> {
    // A pipe that it closes is told by how it ends.
    await pipeline(this.#counted(bytes), this.#child.stdin).catch(() => undefined);
  }

  async *#counted(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for await (const piece of bytes) {
        this.bytesIn += piece.length;
        this.#isHungry = false;
        yield piece;
        this.#isHungry = true;
      }
    } catch (cause) {
      this.#sourceError = { cause };
      this.#kill();
    }
    this.#isHungry = false;
  }

  /** What comes next; undefined at the end. */
  async next(): Promise<Buffer | undefined> {
    let idleMs = 0;
    const watch = setInterval(() => {
      idleMs = this.#isHungry ? 0 : idleMs + WATCH_MS;
      if (idleMs < SLICE_TIMEOUT_MS) return;
      this.#isStuck = true;
      this.#kill();
    }, WATCH_MS);
    try {
      const { done, value } = await this.#out.next();
      return done === true ? undefined : value;
    } catch {
      // It was never started, or has died.
      return undefined;
    } finally {
      clearInterval(watch);
    }
  }

  /** It has said all that it will. Throws where that was not the file. */
  async over(out: number): Promise<void> {
    const code = await this.#exited;
    const { name, track, warn } = this.#options;
    if (this.#sourceError !== undefined) throw this.#sourceError.cause;
    const wasStopped = this.#isStuck || this.#child.signalCode !== null || /allocate memory/i.test(this.#said);
    if (wasStopped) {
      const message = `Decoding the ${name} file takes too long or too much memory: it is damaged, or of no honest kind.`;
      throw new AudioFileError('audio_too_complex', `${message} Convert it and send it again.`);
    }
    if (code === 0 && out > 0) return;
    if (out > 0) return warn({ code: 'damaged', message: 'The file is damaged; what could be read was read.' });
    if (/matches no streams|does not contain any stream/i.test(this.#said)) {
      if (track !== undefined) throw new AudioFileError('no_track', `The ${name} file has no sound track ${track}.`);
      throw new AudioFileError('no_samples', `The ${name} file has no sound.`);
    }
    throw new AudioFileError('not_audio', `Nothing in the ${name} file can be decoded by ffmpeg. ${CONVERT}`);
  }

  leave(): void {
    this.#kill();
    this.#child.stdout.destroy();
  }

  #kill(): void {
    this.#child.kill('SIGKILL');
  }
}

function start({ program, demuxer, track = '1' }: ThroughFfmpegOptions): Ffmpeg {
  const input = ['-protocol_whitelist', 'pipe', '-codec_whitelist', CODECS, '-f', demuxer, '-i', 'pipe:0'];
  const output = [
    '-map',
    `0:a:${Number(track) - 1}`,
    '-c:a',
    'flac',
    '-compression_level',
    '0',
    '-sample_fmt',
    's16',
    '-f',
    'flac',
  ];
  const quiet = ['-hide_banner', '-nostdin', '-loglevel', 'error', '-threads', '1'];
  const order = [program, ...quiet, ...input, ...output, '-map_metadata', '-1', 'pipe:1'];
  // A shell bounds it where there is one: addresses, time on a core, and no files at all.
  const bounds = `ulimit -v ${MEMORY_KIB} 2>/dev/null; ulimit -t ${CORE_S} 2>/dev/null; ulimit -f 0 2>/dev/null; exec "$@"`;
  const [command = program, ...rest] = process.platform === 'win32' ? order : ['/bin/sh', '-c', bounds, 'sh', ...order];
  const child = spawn(command, rest, {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] },
    windowsHide: true,
  });
  try {
    // What is live on the same cores goes first.
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already.
  }
  return child;
}
