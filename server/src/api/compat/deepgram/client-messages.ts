// The text messages of a client of Deepgram's live API.
import * as v from 'valibot';

export type ControlMessage =
  | { readonly type: 'KeepAlive' | 'CloseStream' | 'ignored' }
  /** `channel`: one of several, or all. */
  | { readonly type: 'Finalize'; readonly channel: number | undefined };

const Control = v.object({
  type: v.string(),
  channel: v.optional(v.unknown()),
});

/** Reads a text frame; a type that is not known is ignored. Undefined: it is no message at all. */
export function readControl(text: string): ControlMessage | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Control), text);
  if (!parsed.success) return undefined;
  const { type, channel } = parsed.output;
  switch (type) {
    case 'KeepAlive':
    case 'CloseStream':
      return { type };
    case 'Finalize':
      return { type, channel: typeof channel === 'number' ? channel : undefined };
    default:
      return { type: 'ignored' };
  }
}
