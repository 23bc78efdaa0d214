// The registry's public door.
export {
  type Calibration,
  type CalibrationPoint,
  type ModelManifest,
  readManifest,
  writeManifest,
} from './manifest.js';
export { inspectModel, type ModelFiles, validateModel } from './model-files.js';
export {
  type AddOptions,
  type BrokenModel,
  EMBEDDED_MODEL,
  EMBEDDED_POLISH_FOLDER,
  type InstalledModel,
  ModelRegistry,
  modelsFolder,
} from './registry.js';
