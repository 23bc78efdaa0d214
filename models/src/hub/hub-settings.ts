// Where the hub is and where its files are kept: the environment variables of Hugging Face's own tools.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export interface HubSettings {
  /** `https://host`, without a slash at the end. */
  readonly endpoint: string;
  /** Sent to the endpoint, never to where it redirects. Empty: none. */
  readonly token: string;
  /** Folder of the hub's cache, shared with every other tool that uses it. */
  readonly cacheFolder: string;
  /** Whether only what is in the cache may be used. */
  readonly isOffline: boolean;
}

/**
 * Reads `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME` and `HF_HUB_OFFLINE`
 * (huggingface_hub, "Environment variables").
 */
export function hubSettings(env: NodeJS.ProcessEnv = process.env): HubSettings {
  const home = env['HF_HOME'] || join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'huggingface');
  return {
    endpoint: (env['HF_ENDPOINT'] || 'https://huggingface.co').replace(/\/+$/, ''),
    token: env['HF_TOKEN']?.trim() ?? '',
    cacheFolder: resolve(env['HF_HUB_CACHE'] || join(home, 'hub')),
    isOffline: ['1', 'on', 'yes', 'true'].includes((env['HF_HUB_OFFLINE'] ?? '').toLowerCase()),
  };
}
