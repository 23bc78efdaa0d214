// What the panel at /dashboard shows: the last hour, the devices, and the sessions of the gateway.
import type { Authorizer } from '../access/access.js';
import type { PanelOptions } from '../api/panel/panel-routes.js';
import type { Settings } from '../config/settings.js';
import type { Gateway } from '../gateway/gateway.js';
import { isLoopback } from '../http/hosts.js';
import { GpuReadings } from '../metrics/gpu-readings.js';
import { HISTORY_INTERVAL_MS, MetricHistory } from '../metrics/metric-history.js';
import type { MetricsRegistry } from '../metrics/metrics-registry.js';
import { systemClock } from '../time/clock.js';
import { VERSION } from '../version.js';
import type { OpenedParts } from './opened-parts.js';

export interface PanelContext extends Pick<PanelOptions, 'engines' | 'store' | 'stop' | 'model'> {
  readonly access: Authorizer & { readonly isDemanded: boolean };
  readonly gateway: Gateway;
  readonly metrics: MetricsRegistry;
  readonly opened: OpenedParts;
}

/** Takes samples for the panel from now on. */
export function openPanel(settings: Settings, context: PanelContext): Omit<PanelOptions, 'pausing' | 'swap' | 'nodes'> {
  const { access, gateway, metrics, model, opened, engines, store, stop } = context;
  const history = new MetricHistory(metrics, () => gateway.errors);
  opened.addCallback(systemClock.every(HISTORY_INTERVAL_MS, () => history.sample(Date.now())));
  const gpus = settings.devices.includes('cuda') ? opened.add(new GpuReadings()) : undefined;
  return {
    access,
    isOpenToAll: () => !isLoopback(settings.host) && !access.isDemanded,
    status: () => gateway.status(),
    store,
    server: { version: VERSION, connectionsMax: settings.maxConnections },
    model,
    live: gateway.live,
    history,
    engines,
    gpus: () => gpus?.latest ?? [],
    errors: () => gateway.errors,
    showsWords: settings.panelWords,
    stop,
  };
}
