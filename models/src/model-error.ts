// The error of everything that reads a model's folder: a stable code, and a message that names the file or the model.
import { CodedError } from '@sotto/protocol';

/**
 * - `file_missing`: a file of the model is not there or cannot be read.
 * - `file_invalid`: a file is there and does not say what it must.
 * - `unsupported`: the model is well-formed but of a kind that cannot run here.
 * - `unsafe_file`: a file asks for code to be run. None was.
 * - `model_unknown`: no installed model has the name.
 * - `name_taken`: another model is installed under the name, or the folder to be written is there already.
 */
export type ModelErrorCode =
  | 'file_missing'
  | 'file_invalid'
  | 'unsupported'
  | 'unsafe_file'
  | 'model_unknown'
  | 'name_taken';

/** A model cannot be used as asked. */
export class ModelError extends CodedError<ModelErrorCode> {
  override readonly name = 'ModelError';
}
