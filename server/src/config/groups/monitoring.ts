// What operators see of a server, beside its log.
import { form, fraction, toggle } from '../setting.js';

export const MONITORING_SETTINGS = {
  panelWords: toggle(false, {
    meaning: 'Whether the panel at /dashboard shows the last words of live sessions to the operator.',
  }),
  tracesUrl: form('', /^$|^https?:\/\/\S+$/, 'an address such as http://127.0.0.1:4318/v1/traces, or nothing', {
    unit: 'URL',
    meaning:
      'OpenTelemetry collector (OTLP over HTTP) that gets a trace of each utterance: gateway, VAD, queue, engine, polish; never what was said. Empty: there are none.',
    otherVariables: ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'],
  }),
  tracesShare: fraction(1, { min: 0, max: 1, meaning: 'Share of utterances that is traced.' }),
} as const;
