// JSON files of a model, checked by a schema.
import * as v from 'valibot';
import { ModelError } from './model-error.js';

/**
 * Parses a JSON file of a model by its schema.
 * @throws ModelError `file_invalid` naming the key
 */
export function parseJson<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
  file: string,
): v.InferOutput<Schema> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new ModelError('file_invalid', `${file} is not JSON`, { cause });
  }
  const parsed = v.safeParse(schema, content);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new ModelError('file_invalid', `${file}: ${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`);
}
