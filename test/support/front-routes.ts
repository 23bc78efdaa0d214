// Status and captions of a gateway under test, as a whole server has them.
import { captionRoutes } from '../../server/src/api/captions/caption-routes.js';
import { statusRoutes, type StatusOptions } from '../../server/src/api/status/status-routes.js';
import type { Gateway } from '../../server/src/gateway/gateway.js';
import type { MetricsRegistry } from '../../server/src/metrics/metrics-registry.js';

export function addFrontRoutes(
  gateway: Gateway,
  metrics: MetricsRegistry,
  options: Partial<Pick<StatusOptions, 'store'>> = {},
): void {
  const model = { name: 'scripted', device: 'cpu' };
  const status = statusRoutes({ version: '9.9.9', model, gateway, metrics: () => metrics.expose(), ...options });
  gateway.addRoutes([...status, ...captionRoutes(gateway.shares)]);
}
