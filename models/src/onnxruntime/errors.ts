// The one error that this module throws: ONNX Runtime's own message with a stable code.
import { CodedError } from '@sotto/protocol';

/** ONNX Runtime's `OrtErrorCode` by position (onnxruntime_c_api.h). */
const nativeCodes = [
  'ok',
  'fail',
  'invalidArgument',
  'noSuchFile',
  'noModel',
  'engineError',
  'runtimeException',
  'invalidProtobuf',
  'modelLoaded',
  'notImplemented',
  'invalidGraph',
  'providerFail',
  'modelLoadCanceled',
  'modelRequiresCompilation',
  'notFound',
] as const;

/**
 * What went wrong: a code of ONNX Runtime, or one of this module: `closed` (used after `close()`), `libraryNotFound`,
 * `unsupportedLibrary` (too old, or not ONNX Runtime), `unsupportedType`.
 */
export type OrtErrorCode =
  | (typeof nativeCodes)[number]
  | 'closed'
  | 'libraryNotFound'
  | 'unsupportedLibrary'
  | 'unsupportedType';

/** A call into ONNX Runtime failed or could not be made. */
export class OrtError extends CodedError<OrtErrorCode> {
  override readonly name = 'OrtError';
}

/** The code of a status number; an unknown number counts as `fail`. */
export function codeOfStatus(status: number): OrtErrorCode {
  return nativeCodes[status] ?? 'fail';
}
