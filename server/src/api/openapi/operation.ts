// What the OpenAPI document says of one address.
import type * as v from 'valibot';

type Schema = v.GenericSchema;

export interface Operation {
  /** The heading under which it stands. */
  readonly tag: string;
  /** One sentence. */
  readonly summary: string;
  /** Parameters of the query. */
  readonly query?: readonly QueryParameter[];
  /** A form with a recording in its field `file` beside these. */
  readonly form?: Schema;
  readonly json?: Schema;
  /** Whether the body may be a recording as it is. */
  readonly takesBytes?: boolean;
  /** What a good answer is. Default: JSON of any shape. */
  readonly answer?: { readonly schema?: Schema; readonly contentTypes?: readonly string[]; readonly status?: number };
}

export interface QueryParameter {
  readonly name: string;
  readonly description: string;
}
