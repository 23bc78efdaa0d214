// Sends one fuzzed form over a connection of its own.
import { connect } from 'node:net';
import type { FuzzedForm } from './forms.js';

/** Status that stands for no answer at all. */
export const UNANSWERED = 0;

/**
 * The status of the answer. A form that is cut off is owed none; its connection is ended or dropped. `hung`: neither an
 * answer nor an end came in time.
 */
export function sendForm(
  { hostname, port }: URL,
  { bytes, isWhole }: FuzzedForm,
  { isDropped, timeoutMs }: { readonly isDropped: boolean; readonly timeoutMs: number },
): Promise<number | 'hung'> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname);
    const over = (result: number | 'hung'): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => over('hung'), timeoutMs);
    socket.setEncoding('latin1');
    socket.on('data', (piece: string) => {
      if (answer.length < 20) answer += piece;
      const status = /^HTTP\/1\.1 (?<status>\d{3}) /.exec(answer)?.groups?.['status'];
      // A body that goes on and on is read to its end.
      if (status === '100') answer = answer.slice(answer.indexOf('\r\n\r\n') + 4);
    });
    socket.on('error', () => {});
    socket.on('close', () => over(Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? UNANSWERED)));
    socket.write(bytes, () => {
      if (isWhole) return;
      if (isDropped) over(UNANSWERED);
      else socket.end();
    });
  });
}
