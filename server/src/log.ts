// The server's log on standard error: JSON for machines, one plain line an event on a terminal. Never the content of
// audio or text.
import { pino, type Logger } from 'pino';
import type { Settings } from './config/settings.js';

/** Where plain lines go: a stream such as `process.stderr`. */
export interface LogOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export function createLog(settings: Pick<Settings, 'log' | 'logLevel'>, output: LogOutput = process.stderr): Logger {
  const plain = settings.log === 'plain' || (settings.log === 'auto' && output.isTTY === true);
  return pino(
    { level: settings.logLevel, base: null },
    { write: (line: string) => void output.write(plain ? plainLine(line) : line) },
  );
}

/** `12:34:56 warn  message key=value ...` from a line of pino's JSON. */
export function plainLine(line: string): string {
  const { level, time, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const clock = new Date(Number(time)).toLocaleTimeString('en-GB');
  const name = pino.levels.labels[Number(level)] ?? String(level);
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const stack = typeof err === 'object' && err !== null && 'stack' in err ? `\n${String(err.stack)}` : '';
  return `${[clock, name.padEnd(5), msg, ...rest].filter(Boolean).join(' ')}${stack}\n`;
}
