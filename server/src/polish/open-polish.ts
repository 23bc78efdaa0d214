// Makes the polish of a server from its settings.
import type { Logger } from 'pino';
import type { Settings } from '../config/settings.js';
import { createPolishMetrics } from '../metrics/polish-metrics.js';
import type { MetricsRegistry } from '../metrics/metrics-registry.js';
import { PolishService } from './polish-service.js';
import { RulesPolisher } from './rules/rules-polisher.js';

/** The polish that the settings name; undefined: none. Nothing is loaded before it is needed, or named. */
export function openPolish(settings: Settings, _log: Logger, registry: MetricsRegistry): PolishService | undefined {
  if (settings.polish === 'off') return undefined;
  const metrics = createPolishMetrics(registry, () => service.waiting);
  const service = new PolishService({
    fast: new RulesPolisher(),
    waitingMax: settings.polishWaitingMax,
    onResult: (result, latencyMs) => metrics.observe(result, latencyMs),
  });
  return service;
}
