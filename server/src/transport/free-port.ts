// A port where nobody listens, for those who would share it without knowing.
import { createServer, type AddressInfo } from 'node:net';
import { ListenError } from './transport.js';

/** The port itself, or a free one for 0, where nobody listens. Rejects with ListenError. */
export function freePort(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (cause: NodeJS.ErrnoException) =>
      reject(new ListenError(cause.code ?? 'unknown', host, port, { cause })),
    );
    probe.listen(port, host, () => {
      const { port: free } = probe.address() as AddressInfo;
      probe.close(() => resolve(free));
    });
  });
}
