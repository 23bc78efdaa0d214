// What the Studio does: listens, streams a file, stops, and keeps the transcript; the view draws its signals.
import { batch, computed, effect, signal } from '@preact/signals';
import { SessionClosedError } from '@sotto/client';
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
import { LiveStream } from './live-stream.js';
import { LoudnessHistory } from './loudness-history.js';
import { choosePolish, polishModes, polishSettings, writePolishInstruction } from './polish.js';
import { findServer, server } from './server-watch.js';
import { isSharing, rememberSharing, watchToken } from './share.js';
import { addSegment, clearSegments, keepTranscript, segments, transcriptEndMs } from './transcript.js';

export type Activity =
  | { readonly name: 'idle' | 'opening' | 'finishing' }
  | { readonly name: 'listening'; readonly source: 'microphone' | 'tab' }
  | { readonly name: 'sending'; readonly file: string };

export const activity = signal<Activity>({ name: 'idle' });
export const stream = signal<LiveStream | undefined>(undefined);
export const failure = signal<Failure | undefined>(undefined);
/** Whether the transcript is from before the page was loaded anew. */
export const isRecalled = signal(false);
export const level = signal<Level>({ rmsDb: SILENCE_DB, peakDb: SILENCE_DB });
/** Sound sent since the start, milliseconds. */
export const elapsedMs = signal(0);
/** Share of a file that is sent, 0-1. */
export const progress = signal(0);
export const devices = signal<readonly MicrophoneDevice[]>([]);
export const spokenLanguage = signal(readPreference('spokenLanguage') ?? 'auto');
export const microphone = signal(readPreference('microphone') ?? '');
export const loudness = new LoudnessHistory();

/** Whether something runs that can be stopped. */
export const isRunning = computed(() => ['listening', 'sending'].includes(activity.value.name));
/** Whether the last words wait for a server that is away: then the button ends the waiting. */
export const isStuck = computed(
  () => activity.value.name === 'finishing' && stream.value?.connection.value.name === 'trying',
);

let capture: AudioCapture | undefined;
let fileEnd: AbortController | undefined;
/** Where the sound of the moment begins in the transcript, milliseconds; and where the next stream does. */
let startedMs = 0;
let baseMs = 0;

export function startStudio(): void {
  isRecalled.value = keepTranscript(() => stream.value?.unsettled(transcriptEndMs()));
  baseMs = transcriptEndMs();
  effect(() => {
    watchToken.value = stream.value?.watchToken.value;
  });
  void findServer();
  void refreshDevices();
  onDevicesChanged(() => void refreshDevices());
}

/** The big button. */
export function toggle(): void {
  if (isStuck.value) stream.value?.session.close();
  else if (isRunning.value) void stop();
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
      noteElapsed();
    };
    await sendSamples(session, samples, { signal: fileEnd.signal, onProgress });
    await stop();
  } catch (error) {
    fail(error);
  }
}

/**
 * Ends what runs: the sound stops at once, the text when the server has settled it. What is still being polished comes
 * behind it, while the next stream may already run.
 */
export async function stop(because?: Failure): Promise<void> {
  const live = stream.value;
  if (!isRunning.value) return;
  activity.value = { name: 'finishing' };
  failure.value = because ?? failure.value;
  fileEnd?.abort();
  await capture?.stop();
  if (live === undefined) return;
  try {
    const settled = live.session.finalize();
    const ended = live.session.stop();
    await settled;
    finish(live);
    await ended;
  } catch (error) {
    // What ended the session badly; not that it was dropped here, while it waited for a server that is away.
    const isDropped = error instanceof SessionClosedError && error.cause === undefined;
    if (stream.value === live && !isDropped) fail(error);
  }
}

export function clear(): void {
  clearSegments();
  isRecalled.value = false;
  if (activity.value.name === 'idle') baseMs = 0;
}

export function chooseLanguage(code: string): void {
  spokenLanguage.value = code;
  writePreference('spokenLanguage', code);
  if (isRunning.value) stream.value?.session.configure({ language: code });
}

export function changePolish({ mode, instruction }: { readonly mode?: string; readonly instruction?: string }): void {
  if (mode !== undefined) choosePolish(mode);
  if (instruction !== undefined) writePolishInstruction(instruction);
  if (isRunning.value) stream.value?.session.configure({ polish: polishSettings() });
}

/**
 * Shares what is said from now on, or no longer. A session is shared from its beginning or not at all: where one runs,
 * the sound goes on in another one without a gap, while the last words of the old one settle.
 */
export function shareFromNow(isWanted: boolean): void {
  rememberSharing(isWanted);
  const old = stream.value;
  if (old === undefined || activity.value.name !== 'listening') return;
  old.session.stop().catch((error: unknown) => (failure.value ??= failureOf(error)));
  baseMs = old.endMs;
  openStream();
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
    isRecalled.value = false;
    elapsedMs.value = 0;
    startedMs = baseMs;
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

/**
 * Sound that comes before the stream is open is not sent: that is a few milliseconds after the microphone was allowed.
 */
function send(samples: Int16Array): void {
  const live = stream.value;
  if (live === undefined) return;
  try {
    live.session.send(samples);
    noteElapsed();
  } catch (error) {
    if (isRunning.value) void stop(failureOf(error));
  }
}

function noteElapsed(): void {
  elapsedMs.value = (stream.value?.endMs ?? startedMs) - startedMs;
}

function openStream(): LiveStream {
  const live = new LiveStream({
    language: knownLanguage(),
    polish: polishModes.value.length === 0 ? undefined : polishSettings(),
    share: isSharing.value,
    baseMs,
    onTrouble: ({ code, message }) => {
      if (code === 'recognition_failed' || code === 'unsupported_option') failure.value = { code, detail: message };
    },
    onEnd: (error) => {
      if (error?.code === 'unsupported_option' && isSharing.value) {
        rememberSharing(false);
        failure.value = { code: 'share_refused', detail: '' };
      }
      if (error !== undefined && stream.value === live) fail(error);
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
  batch(() => {
    const last = live.unsettled(Math.max(startedMs, transcriptEndMs()));
    if (last !== undefined) addSegment(last);
    // Another one has taken its place.
    if (stream.value !== live) return;
    baseMs = segments.value.length === 0 ? 0 : live.endMs;
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
