// The session that is read along: its text, and whether it is there.
import { batch, signal } from '@preact/signals';
import { TranscriptView, watch, type FinalMessage, type ServerMessage, type Watch } from '@sotto/client';
import type { Segment } from '../studio/segment.js';
import { serverAddress } from '../server-address.js';

export type WatchState = 'connecting' | 'live' | 'away' | 'ended' | 'unknown' | 'refused';

export const state = signal<WatchState>('connecting');
export const segments = signal<readonly Segment[]>([]);
export const stable = signal('');
export const tentative = signal('');

/** Finals that a reader may scroll back to. */
const FINALS_MAX = 2_000;

let watching: Watch | undefined;
let view = new TranscriptView({ finalsMax: FINALS_MAX });
/** Segments that the reader has turned over. */
const raw = new Set<string>();

/** Watches the session whose token stands behind the `#`, or in the query, and another one when that changes. */
export function watchAddress(): void {
  addEventListener('hashchange', begin);
  begin();
}

export function toggleRaw(key: string): void {
  if (!raw.delete(key)) raw.add(key);
  show();
}

function begin(): void {
  watching?.close();
  const token = location.hash.slice(1) || (new URLSearchParams(location.search).get('token') ?? '');
  view = new TranscriptView({ finalsMax: FINALS_MAX });
  raw.clear();
  show();
  if (token === '') {
    state.value = 'unknown';
    return;
  }
  state.value = 'connecting';
  watching = watch(serverAddress(), { token, onEvent: take, onConnected });
  void follow(watching);
}

async function follow(current: Watch): Promise<void> {
  const { ended, error } = await current.closed;
  if (watching !== current) return;
  if (ended !== undefined) state.value = 'ended';
  else state.value = error?.code === 'share_unknown' ? 'unknown' : 'refused';
}

function onConnected(isConnected: boolean): void {
  state.value = isConnected ? 'live' : 'away';
}

function take(event: ServerMessage): void {
  if (view.apply(event)) show();
}

function show(): void {
  batch(() => {
    const known = new Map(segments.value.map((segment) => [segment.key, segment]));
    segments.value = view.finals.map((final) => segmentOf(final, known));
    stable.value = view.stable;
    tentative.value = view.tentative;
  });
}

/** The segment of a final; the same one as before where nothing about it has changed, so that it is not drawn again. */
function segmentOf(final: FinalMessage, known: ReadonlyMap<string, Segment>): Segment {
  const { segmentId, text, startMs, endMs, language, words } = final;
  const key = String(segmentId);
  const polished = view.polishedOf(segmentId)?.message;
  const isRaw = raw.has(key);
  const before = known.get(key);
  if (before !== undefined && before.isRaw === isRaw && (before.polished !== undefined) === (polished !== undefined))
    return before;
  return {
    key,
    text,
    startMs,
    endMs,
    language,
    isRaw,
    ...(words === undefined ? {} : { words }),
    ...(polished === undefined ? {} : { polished }),
  };
}
