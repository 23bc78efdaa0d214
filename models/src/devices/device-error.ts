// What can go wrong when a machine is made ready for a GPU.
import { CodedError } from '@sotto/protocol';

/**
 * - `not_a_wheel`: the file is not a wheel of onnxruntime-gpu.
 * - `wrong_version`: the wheel's libraries do not belong to the ONNX Runtime that is installed.
 * - `wrong_platform`: they are for another system.
 * - `hash_mismatch`: a library is not what the wheel's own record says.
 * - `not_writable`: the place for them cannot be written.
 */
export type DeviceErrorCode = 'not_a_wheel' | 'wrong_version' | 'wrong_platform' | 'hash_mismatch' | 'not_writable';

export class DeviceError extends CodedError<DeviceErrorCode> {
  override readonly name = 'DeviceError';
}
