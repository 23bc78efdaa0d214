// The devices of this machine, and how it is made ready for a GPU.
export type { ByteProducts } from '../onnxruntime/cpu-features.js';
export { installCudaProvider, type InstalledProvider } from './cuda-provider.js';
export { DeviceError, type DeviceErrorCode } from './device-error.js';
export { inspectDevices, type DeviceReport, type DeviceTrial } from './inspect-devices.js';
export type { Gpu, NvidiaDriver } from './nvidia-driver.js';
