// A proxy that serves a server under a path of its own, as an administrator's does.
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import type { Test } from 'tap';

export interface PathProxy {
  /** With the path, and no slash at its end. */
  readonly url: string;
  /** What was asked for outside of the path: nothing of it is answered. */
  readonly strays: readonly string[];
}

/** Passes on what is under `prefix`, WebSockets too, until the test ends. */
export async function openPathProxy(t: Test, target: string, prefix: string): Promise<PathProxy> {
  const { hostname: host, port } = new URL(target);
  const strays: string[] = [];
  const inner = (path: string): string | undefined => {
    if (path.startsWith(`${prefix}/`)) return path.slice(prefix.length);
    strays.push(path);
    return undefined;
  };
  const proxy = createServer((asked, answer) => {
    const path = inner(asked.url ?? '');
    if (path === undefined) return void answer.writeHead(502).end();
    const passed = request({ host, port, path, method: asked.method, headers: asked.headers }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  proxy.on('upgrade', (asked, socket) => {
    const path = inner(asked.url ?? '');
    if (path === undefined) return void socket.destroy();
    const server = connect(Number(port), host);
    const headers = asked.rawHeaders.flatMap((name, at, all) => (at % 2 === 0 ? `${name}: ${all[at + 1]}` : []));
    server.write([`GET ${path} HTTP/1.1`, ...headers, '', ''].join('\r\n'));
    socket.pipe(server).pipe(socket);
    for (const [one, other] of [
      [socket, server],
      [server, socket],
    ] as const) {
      one.on('error', () => other.destroy());
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.teardown(() => void (proxy.closeAllConnections(), proxy.close()));
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}${prefix}`, strays };
}
