// The text messages of a client of Deepgram's Flux.
import * as v from 'valibot';

export type FluxMessage =
  | { readonly type: 'CloseStream' | 'ForceEndTurn' | 'KeepAlive' }
  /** Not checked yet. */
  | { readonly type: 'Configure'; readonly fields: unknown };

const Typed = v.looseObject({ type: v.picklist(['CloseStream', 'ForceEndTurn', 'KeepAlive', 'Configure']) });

/** Reads a text frame. Undefined: it is none that Flux knows. */
export function readFluxMessage(text: string): FluxMessage | undefined {
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Typed), text);
  if (!parsed.success) return undefined;
  const { type, ...fields } = parsed.output;
  return type === 'Configure' ? { type, fields } : { type };
}
