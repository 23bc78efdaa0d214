// What a tool of `sotto mcp` is.
import * as v from 'valibot';

export interface Tool {
  readonly name: string;
  /** For the model that calls it. */
  readonly description: string;
  /** JSON Schema of its arguments. */
  readonly inputSchema: object;
  /** The answer as text. Rejects with ToolError, or whatever failed. */
  run(args: unknown, signal: AbortSignal): Promise<string>;
}

/** What its caller can do something about. */
export class ToolError extends Error {
  override readonly name = 'ToolError';
}

/** A tool whose arguments are checked by `schema`, and told to clients as `properties`. */
export function defineTool<const S extends v.GenericSchema>(options: {
  readonly name: string;
  readonly description: string;
  readonly schema: S;
  readonly properties: Readonly<Record<string, object>>;
  readonly required: readonly string[];
  readonly run: (args: v.InferOutput<S>, signal: AbortSignal) => Promise<string>;
}): Tool {
  const { name, description, schema, properties, required, run } = options;
  return {
    name,
    description,
    inputSchema: { type: 'object', properties, required },
    run: async (args, signal) => {
      const result = v.safeParse(schema, args);
      if (result.success) return run(result.output, signal);
      const [issue] = result.issues;
      throw new ToolError(`${v.getDotPath(issue) ?? 'arguments'}: ${issue.message}`);
    },
  };
}
