// The server itself: where it listens, who may call it, what it logs, how it ends.
import { choice, integer, optionalText, text, toggle } from '../setting.js';
import { HOUR_MS } from '../units.js';

export const SERVER_SETTINGS = {
  host: text('127.0.0.1', {
    unit: 'address',
    meaning:
      'Address to listen on. The default is reachable from this machine only; 0.0.0.0 (or ::) opens it to the network, which needs a key or --allow-anonymous.',
  }),
  port: integer(8080, {
    min: 0,
    max: 65_535,
    meaning: 'Port to listen on; 0 takes a free one.',
    otherVariables: ['PORT'],
  }),
  wyomingPort: integer(0, {
    min: 0,
    max: 65_535,
    meaning:
      'Port for Home Assistant (its Wyoming protocol, over TCP, on the same address); 10300 is usual, 0: none. It has no keys: a server that wants them, or that the network reaches, needs --allow-anonymous true.',
  }),
  transport: choice(['auto', 'uws', 'ws'], 'auto', {
    meaning: 'WebSocket server: uWebSockets.js, or ws, which runs on every Node. auto takes the first that runs here.',
  }),
  processes: integer(1, {
    min: 1,
    max: 64,
    meaning:
      'Server processes on the one port, before one set of engines. More than one needs Redis (--redis-url), which they share as nodes do; docs/deployment.md says what each takes.',
  }),
  keys: choice(['auto', 'required'], 'auto', {
    meaning: 'Whether clients need an API key (`sotto keys create`). auto: once there is one.',
  }),
  trustedProxies: optionalText({
    unit: 'addresses, networks',
    meaning:
      'Proxies, comma-separated, whose X-Forwarded-For says where a client is: 127.0.0.1, 10.0.0.0/8. Without it all clients behind a proxy count as one.',
  }),
  corsOrigins: optionalText({
    unit: 'origins',
    meaning:
      'Origins (https://example.org, separated by commas; * for all) whose pages may call the HTTP API and open WebSockets from a browser. Empty: none but the server itself; others: 403.',
  }),
  allowAnonymous: toggle(false, {
    meaning: 'Lets anybody who reaches the address use the server without a key, also from the network.',
  }),
  allowedHosts: optionalText({
    unit: 'names',
    meaning:
      'Further names, comma-separated, by which a server that listens on this machine only is called, as by a proxy that passes the name on. Others than these and localhost: 403.',
  }),
  log: choice(['auto', 'plain', 'json'], 'auto', {
    meaning: 'Form of the log on standard error: auto is plain lines on a terminal, JSON elsewhere.',
  }),
  logLevel: choice(['debug', 'info', 'warn', 'error', 'silent'], 'info', { meaning: 'What is logged.' }),
  tlsCert: optionalText({
    unit: 'file',
    meaning:
      'Certificate (PEM, with its chain): the server then speaks https and wss only. When the file changes it is used for new connections. Empty: http and ws, as behind a proxy.',
  }),
  tlsKey: optionalText({ unit: 'file', meaning: 'Private key of the certificate (PEM, without a passphrase).' }),
  outboundAllow: optionalText({
    unit: 'addresses, networks, names',
    meaning:
      'What URLs of clients (audio to fetch, callbacks, webhooks) may lead to beside the public internet, comma-separated: 10.0.0.0/8, hooks.internal.',
  }),
  drainTimeoutMs: integer(10_000, {
    unit: 'milliseconds',
    min: 0,
    max: HOUR_MS,
    meaning: 'How long sessions may take to finish after SIGTERM or SIGINT; after that the process exits regardless.',
  }),
} as const;
