// What the server says of itself, asked every two seconds while the page is seen.
import type { RewritingSettings } from '@sotto/protocol';
import { signal } from '@preact/signals';
import type { GpuReading } from '../../../src/metrics/gpu-readings.js';
import type { LiveSessionView } from '../../../src/metrics/live-sessions.js';
import { key, useKey } from '../key.js';
import { serverAddress } from '../server-address.js';

const INTERVAL_MS = 2_000;
const HOUR_MS = 3_600_000;

export interface Latency {
  readonly p50: number;
  readonly p95: number;
}

export interface Sample {
  readonly at: number;
  readonly gauges: Readonly<Record<string, number | undefined>>;
  readonly rates: Readonly<Record<string, number | undefined>>;
  readonly latencies: Readonly<Record<string, Latency | undefined>>;
  /** Messages a second, by code. */
  readonly errors: Readonly<Record<string, number>>;
}

export interface Panel {
  readonly version: string;
  readonly model: string;
  readonly status: string;
  readonly store: string;
  readonly connections: number;
  readonly connectionsMax: number;
  /** No further stream begins. */
  readonly isPaused: boolean;
  /** Null: the server runs without a model. */
  readonly swap: {
    readonly loading: string | null;
    readonly leaving: number;
    readonly failed: { readonly model: string; readonly code: string; readonly message: string } | null;
  } | null;
  /** How many more streams it carries. */
  readonly room: { readonly streams: number; readonly by: 'engines' | 'sockets' };
  readonly at: number;
  readonly uptimeMs: number;
  readonly machine: {
    readonly cores: number;
    readonly load: number;
    readonly memoryBytes: number;
    readonly memoryFreeBytes: number;
  };
  readonly engines: readonly { readonly device: string; readonly isUp: boolean }[];
  readonly gpus: readonly GpuReading[];
  /** Those that share the store, this one included. */
  readonly nodes: readonly {
    readonly id: string;
    readonly name: string;
    readonly status: string;
    readonly model: string;
    readonly streams: number;
    readonly at: number;
  }[];
  readonly errors: Readonly<Record<string, number>>;
  readonly sessionCount: number;
  readonly sessions: readonly LiveSessionView[];
  readonly history: readonly Sample[];
}

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly settings?: RewritingSettings;
  readonly createdAt: string;
  readonly revokedAt?: string;
}

/** `locked`: it wants a key, or another one. `closed`: it shows the panel to nobody, and says why. */
export type Connection = 'connecting' | 'live' | 'gone' | 'locked' | 'closed';

export const connection = signal<Connection>('connecting');
export const panel = signal<Panel | undefined>(undefined);
export const samples = signal<readonly Sample[]>([]);
/** Undefined: the server keeps none, or this key may not see them. */
export const keys = signal<readonly ApiKey[] | undefined>(undefined);
/** Names of the installed models, once they were asked for. */
export const models = signal<readonly string[]>([]);
/** The key that was just made: it is shown once. */
export const madeKey = signal('');

let timer: ReturnType<typeof setTimeout> | undefined;

export function watchPanel(): void {
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void ask();
  });
  void ask();
  void askKeys();
  void askModels();
}

export function unlock(text: string): void {
  useKey(text);
  void ask();
  void askKeys();
  void askModels();
}

export async function endSession(id: string): Promise<void> {
  await send(`v1/panel/sessions/${encodeURIComponent(id)}`, 'DELETE');
  await ask();
}

/** Whether further streams may begin. */
export async function pause(isPaused: boolean): Promise<void> {
  await (isPaused ? send('v1/drain?stay=true', 'POST') : send('v1/drain', 'DELETE'));
  await ask();
}

export async function askModels(): Promise<void> {
  const response = await send('v1/model').catch(() => undefined);
  if (response?.ok) models.value = ((await response.json()) as { installed: readonly string[] }).installed;
}

/** The server loads it meanwhile, and its view says how that goes. */
export async function useModel(model: string): Promise<void> {
  const swapped = send('v1/model', 'PUT', { model }).catch(() => undefined);
  await ask();
  await swapped;
  await ask();
}

/** @param settings what holds for all transcripts of the key */
export async function makeKey(name: string, scopes: readonly string[], settings: RewritingSettings): Promise<void> {
  const response = await send('v1/keys', 'POST', { name, scopes, settings });
  if (response.ok) madeKey.value = ((await response.json()) as { key: string }).key;
  await askKeys();
}

export async function revokeKey(id: string): Promise<void> {
  await send(`v1/keys/${encodeURIComponent(id)}`, 'DELETE');
  await askKeys();
}

async function ask(): Promise<void> {
  clearTimeout(timer);
  try {
    const response = await send(`v1/panel?since=${samples.value.at(-1)?.at ?? 0}`);
    if (response.ok) take((await response.json()) as Panel);
    else connection.value = response.status === 401 ? 'locked' : response.status === 403 ? 'closed' : 'gone';
  } catch {
    connection.value = 'gone';
  }
  if (!document.hidden) timer = setTimeout(() => void ask(), INTERVAL_MS);
}

function take(next: Panel): void {
  connection.value = 'live';
  panel.value = next;
  samples.value = [...samples.value, ...next.history].filter(({ at }) => at > next.at - HOUR_MS);
}

/** Only an admin's key may see the keys. */
async function askKeys(): Promise<void> {
  if (key.value === '') return;
  const response = await send('v1/keys').catch(() => undefined);
  keys.value = response?.ok ? ((await response.json()) as { keys: ApiKey[] }).keys : undefined;
}

function send(path: string, method = 'GET', body?: unknown): Promise<Response> {
  return fetch(serverAddress(path), {
    method,
    headers: {
      ...(key.value === '' ? {} : { authorization: `Bearer ${key.value}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
