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
  /** A form with a recording beside these. */
  readonly form?: Schema;
  /** The field of the recording. Default: `file`. */
  readonly fileField?: string;
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
