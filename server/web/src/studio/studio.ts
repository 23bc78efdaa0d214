// What the Studio does: listens, streams a file, stops, and keeps the transcript; the view draws its signals.
import { batch, computed, signal } from '@preact/signals';
import {
  captureTab,
  fromFile,
  listDevices,
  onDevicesChanged,
  openMicrophone,
  sendSamples,
  SILENCE_DB,
  type AudioCapture,
  type CaptureOptions,
  type Level,
  type MicrophoneDevice,
} from '@sotto/client/microphone';
import workletUrl from 'virtual:capture-worklet';
import { readPreference, writePreference } from '../preferences.js';
import { failureOf, type Failure } from './failure.js';
import { LiveStream, type Segment } from './live-stream.js';
import { LoudnessHistory } from './loudness-history.js';
import { findServer, server } from './server-watch.js';

export type Activity =
  | { readonly name: 'idle' | 'opening' | 'finishing' }
  | { readonly name: 'listening'; readonly source: 'microphone' | 'tab' }
  | { readonly name: 'sending'; readonly file: string };

/** Settled segments kept; beyond it the oldest are forgotten. A long day of speech. */
const SEGMENTS_MAX = 10_000;

export const activity = signal<Activity>({ name: 'idle' });
export const segments = signal<readonly Segment[]>([]);
export const stream = signal<LiveStream | undefined>(undefined);
export const failure = signal<Failure | undefined>(undefined);
export const level = signal<Level>({ rmsDb: SILENCE_DB, peakDb: SILENCE_DB });
/** Sound sent in this stream, milliseconds. */
export const elapsedMs = signal(0);
/** Share of a file that is sent, 0-1. */
export const progress = signal(0);
export const devices = signal<readonly MicrophoneDevice[]>([]);
export const spokenLanguage = signal(readPreference('spokenLanguage') ?? 'auto');
export const microphone = signal(readPreference('microphone') ?? '');
export const loudness = new LoudnessHistory();

/** Whether something runs that can be stopped. */
export const isRunning = computed(() => ['listening', 'sending'].includes(activity.value.name));

let capture: AudioCapture | undefined;
let fileEnd: AbortController | undefined;
/** Where the next stream begins in the transcript, milliseconds. */
let baseMs = 0;

export function startStudio(): void {
  void findServer();
  void refreshDevices();
  onDevicesChanged(() => void refreshDevices());
}

/** The big button. */
export function toggle(): void {
  if (isRunning.value) void stop();
  else if (activity.value.name === 'idle') void listen('microphone');
}

export async function listen(source: 'microphone' | 'tab'): Promise<void> {
  if (!begin()) return;
  try {
    capture = await openCapture(source);
    void refreshDevices();
    openStream();
    activity.value = { name: 'listening', source };
    const { error } = await capture.ended;
    if (error !== undefined) await stop(failureOf(error));
  } catch (error) {
    fail(error);
  }
}

export async function transcribeFile(file: File): Promise<void> {
  if (!begin()) return;
  try {
    const samples = await fromFile(file);
    const { session } = openStream();
    fileEnd = new AbortController();
    progress.value = 0;
    activity.value = { name: 'sending', file: file.name };
    let measured = 0;
    const onProgress = (sent: number): void => {
      loudness.push(peakDb(samples.subarray(measured, sent)));
      measured = sent;
      progress.value = sent / samples.length;
      elapsedMs.value = stream.value?.sentMs ?? 0;
    };
    await sendSamples(session, samples, { signal: fileEnd.signal, onProgress });
    await stop();
  } catch (error) {
    fail(error);
  }
}

/** Ends what runs: the sound stops at once, the text when the server has settled it. */
export async function stop(because?: Failure): Promise<void> {
  const session = stream.value?.session;
  if (!isRunning.value) return;
  activity.value = { name: 'finishing' };
  failure.value = because ?? failure.value;
  fileEnd?.abort();
  await capture?.stop();
  try {
    await session?.stop();
  } catch (error) {
    fail(error);
  }
}

export function clear(): void {
  segments.value = [];
  if (activity.value.name === 'idle') baseMs = 0;
}

export function chooseLanguage(code: string): void {
  spokenLanguage.value = code;
  writePreference('spokenLanguage', code);
  if (isRunning.value) stream.value?.session.configure({ language: code });
}

export function chooseMicrophone(deviceId: string): void {
  microphone.value = deviceId;
  writePreference('microphone', deviceId);
}

function begin(): boolean {
  if (activity.value.name !== 'idle') return false;
  batch(() => {
    activity.value = { name: 'opening' };
    failure.value = undefined;
    elapsedMs.value = 0;
  });
  return true;
}

function openCapture(source: 'microphone' | 'tab'): Promise<AudioCapture> {
  const options: CaptureOptions = {
    workletUrl,
    onChunk: ({ samples }) => send(samples),
    onLevel: (measured) => {
      level.value = measured;
      loudness.push(measured.peakDb);
    },
  };
  if (source === 'tab') return captureTab(options);
  const isThere = devices.value.some(({ deviceId }) => deviceId === microphone.value);
  return openMicrophone(isThere ? { ...options, deviceId: microphone.value } : options);
}

/** Sound that comes before the stream is open is not sent: that is a few milliseconds after the microphone was allowed. */
function send(samples: Int16Array): void {
  const live = stream.value;
  if (live === undefined) return;
  try {
    live.session.send(samples);
    elapsedMs.value = live.sentMs;
  } catch (error) {
    if (isRunning.value) void stop(failureOf(error));
  }
}

function openStream(): LiveStream {
  const live = new LiveStream({
    language: knownLanguage(),
    baseMs,
    onSegment: (segment) => (segments.value = [...segments.value.slice(1 - SEGMENTS_MAX), segment]),
    onTrouble: ({ code, message }) => {
      if (code === 'recognition_failed') failure.value = { code, detail: message };
    },
    onEnd: (error) => {
      if (error !== undefined) fail(error);
      finish(live);
    },
  });
  stream.value = live;
  return live;
}

/** The chosen language, unless it was chosen on a server with another model. */
function knownLanguage(): string {
  const isKnown = server.value.name === 'ready' && server.value.languages.includes(spokenLanguage.value);
  return isKnown ? spokenLanguage.value : 'auto';
}

/** The first failure is the one to tell: others follow from it. */
function fail(error: unknown): void {
  failure.value ??= failureOf(error);
  fileEnd?.abort();
  void capture?.stop();
  if (stream.value === undefined) reset();
  else stream.value.session.close();
}

/** The stream has ended: what was still tentative and will never settle is kept as it was last seen. */
function finish(live: LiveStream): void {
  if (stream.value !== live) return;
  batch(() => {
    const text = (live.stable.value + live.tentative.value).trim();
    if (text !== '') {
      const last: Segment = {
        text,
        startMs: segments.value.at(-1)?.endMs ?? baseMs,
        endMs: baseMs + live.sentMs,
        language: '',
      };
      segments.value = [...segments.value, last];
    }
    baseMs = segments.value.length === 0 ? 0 : baseMs + live.sentMs;
    stream.value = undefined;
    reset();
  });
}

function reset(): void {
  capture = undefined;
  fileEnd = undefined;
  activity.value = { name: 'idle' };
  level.value = { rmsDb: SILENCE_DB, peakDb: SILENCE_DB };
}

/** Names that Chrome gives to the system's choices beside the devices themselves. */
const DEVICE_ALIASES: ReadonlySet<string> = new Set(['default', 'communications']);

async function refreshDevices(): Promise<void> {
  const all = await listDevices();
  devices.value = all.filter(({ deviceId, label }) => label !== '' && !DEVICE_ALIASES.has(deviceId));
}

function peakDb(samples: Int16Array): number {
  const peak = samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
  return Math.max(SILENCE_DB, 20 * Math.log10(peak / 32_768));
}
