// The error of everything that reads a model's folder: a stable code, and a message that names the file or the model.
import { CodedError } from '@sotto/protocol';

/**
 * - `fileMissing`: a file of the model is not there or cannot be read.
 * - `fileInvalid`: a file is there and does not say what it must.
 * - `unsupported`: the model is well-formed but of a kind that cannot run here.
 * - `unsafeFile`: a file asks for code to be run. None was.
 * - `modelUnknown`: no installed model has the name.
 * - `nameTaken`: another model is installed under the name, or the folder to be written is there already.
 */
export type ModelErrorCode =
  | 'fileMissing'
  | 'fileInvalid'
  | 'unsupported'
  | 'unsafeFile'
  | 'modelUnknown'
  | 'nameTaken';

/** A model cannot be used as asked. */
export class ModelError extends CodedError<ModelErrorCode> {
  override readonly name = 'ModelError';
}
