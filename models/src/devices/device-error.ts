// What can go wrong when a machine is made ready for a GPU.
import { CodedError } from '@sotto/protocol';

/**
 * - `notAWheel`: the file is not a wheel of onnxruntime-gpu.
 * - `wrongVersion`: the wheel's libraries do not belong to the ONNX Runtime that is installed.
 * - `wrongPlatform`: they are for another system.
 * - `hashMismatch`: a library is not what the wheel's own record says.
 * - `notWritable`: the place for them cannot be written.
 */
export type DeviceErrorCode = 'notAWheel' | 'wrongVersion' | 'wrongPlatform' | 'hashMismatch' | 'notWritable';

export class DeviceError extends CodedError<DeviceErrorCode> {
  override readonly name = 'DeviceError';
}
