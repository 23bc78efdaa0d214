// The one error that this module throws: ONNX Runtime's own message with a stable code.
import { CodedError } from '@sotto/protocol';

/** ONNX Runtime's `OrtErrorCode` by position (onnxruntime_c_api.h). */
const nativeCodes = [
  'ok',
  'fail',
  'invalid_argument',
  'no_such_file',
  'no_model',
  'engine_error',
  'runtime_exception',
  'invalid_protobuf',
  'model_loaded',
  'not_implemented',
  'invalid_graph',
  'provider_fail',
  'model_load_canceled',
  'model_requires_compilation',
  'not_found',
] as const;

/**
 * What went wrong: a code of ONNX Runtime, or one of this module: `closed` (used after `close()`), `library_not_found`,
 * `unsupported_library` (too old, or not ONNX Runtime), `unsupported_type`.
 */
export type OrtErrorCode =
  | (typeof nativeCodes)[number]
  | 'closed'
  | 'library_not_found'
  | 'unsupported_library'
  | 'unsupported_type';

/** A call into ONNX Runtime failed or could not be made. */
export class OrtError extends CodedError<OrtErrorCode> {
  override readonly name = 'OrtError';
}

/** The code of a status number; an unknown number counts as `fail`. */
export function codeOfStatus(status: number): OrtErrorCode {
  return nativeCodes[status] ?? 'fail';
}
