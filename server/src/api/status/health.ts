// What `GET /health` tells: the process is alive, what recognises and polishes, and on which devices.
import type { PolishOffer } from '@sotto/protocol';
import * as v from 'valibot';

/** An engine, as `GET /health` and `GET /ready` tell it. */
export interface EngineState {
  /** For example `cuda:0`. */
  readonly device: string;
  /** False while it is being brought back after a crash. */
  readonly isUp: boolean;
}

/** Of several server processes behind one port, the one that answers. */
export interface ProcessState {
  /** Which one, from 1. */
  readonly number: number;
  readonly count: number;
  /** How many serve now. */
  readonly up: number;
}

const text = v.string();
const isUp = v.boolean();

/** What is known before the model is loaded. */
const STATUS = {
  status: v.pipe(
    v.picklist(['starting', 'ready', 'draining']),
    v.description('starting: the model warms up; draining: sessions finish, new ones are refused.'),
  ),
  version: text,
  model: v.pipe(text, v.description('The model that recognises.')),
  device: v.pipe(text, v.description('Where it runs, such as cpu or cuda:0,cuda:1.')),
  store: v.pipe(
    v.picklist(['off', 'ok', 'degraded']),
    v.description('Whether transcripts are kept: a server whose store fails keeps serving.'),
  ),
  connections: v.number(),
  uptimeMs: v.number(),
} as const;

const Status = v.object(STATUS);
export type ServerStatus = Readonly<v.InferOutput<typeof Status>>;

export const HEALTH_ANSWER = v.object({
  ...STATUS,
  models: v.pipe(
    v.array(v.object({ task: v.picklist(['recognise', 'polish']), name: text, isUp })),
    v.description('isUp: whether it answers now. A model that polishes may be loaded when it is first needed.'),
  ),
  engines: v.pipe(
    v.array(v.object({ device: text, isUp })),
    v.description('One for each device; none until the model is loaded.'),
  ),
  processes: v.optional(
    v.pipe(
      v.object({ number: v.number(), count: v.number(), up: v.number() }),
      v.description('Of a server of several processes: which one answers, how many there are, how many serve now.'),
    ),
  ),
});

export function healthOf(
  status: ServerStatus,
  engines: readonly EngineState[],
  polish: PolishOffer | undefined,
  processes?: ProcessState,
): v.InferOutput<typeof HEALTH_ANSWER> {
  return {
    ...status,
    models: [
      { task: 'recognise', name: status.model, isUp: engines.some((engine) => engine.isUp) },
      ...(polish?.models ?? []).map((name) => ({ task: 'polish', name, isUp: polish?.available === true }) as const),
    ],
    engines: [...engines],
    ...(processes && { processes }),
  };
}
