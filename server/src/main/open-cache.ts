// Opens what keeps the results of recordings.
import type { Settings } from '../config/settings.js';
import { ResultCache, type ResultCacheOptions } from '../recordings/result-cache.js';
import type { StoreHandle } from '../store/open-store.js';

/** Results of recordings; undefined where none are to be kept. */
export function openCache(
  store: StoreHandle,
  hears: Pick<ResultCacheOptions, 'model' | 'circumstances'>,
  settings: Settings,
): ResultCache | undefined {
  const { cacheBytesMax: bytesMax, retentionMs } = settings;
  if (bytesMax === 0) return undefined;
  return new ResultCache({ store: store.data, ...hears, bytesMax, retentionMs, wallNow: Date.now });
}
