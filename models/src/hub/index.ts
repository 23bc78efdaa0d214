// The hub's public door: fetching models.
export type { ModelKind } from './choose-files.js';
export { HubError, type HubErrorCode } from './hub-error.js';
export { PATIENCE, type Patience } from './hub-request.js';
export { hubSettings, type HubSettings } from './hub-settings.js';
export { pullModel, type PulledModel, type PullOptions, type PullProgress } from './pull.js';
