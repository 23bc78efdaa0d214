// A stream of the server's, as a page sees it, that says what a test tells it to.
import { createServerCodec, type ClientMessage, type ServerMessage } from '@sotto/protocol';
import type { Page } from 'playwright-core';

export interface ScriptedStream {
  send(...messages: ServerMessage[]): void;
  close(code: number): void;
}

/**
 * Answers all connections of a page to `/v1/stream` from now on; audio is acknowledged and pings are answered without
 * the script.
 */
export async function scriptStream(
  page: Page,
  script: (message: ClientMessage, stream: ScriptedStream) => void,
): Promise<void> {
  await page.routeWebSocket('**/v1/stream', (socket) => {
    const codec = createServerCodec('sotto.v1.msgpack');
    const stream: ScriptedStream = {
      send: (...messages) => {
        for (const message of messages) socket.send(Buffer.from(codec.encode(message)));
      },
      close: (code) => void socket.close({ code }),
    };
    socket.onMessage((data) => {
      const message = codec.decode(new Uint8Array(Buffer.from(data)));
      if (message === undefined) return;
      if (message.type === 'ping') stream.send({ ...message, type: 'pong' });
      // 16-bit samples, as the pages send them.
      if (message.type === 'audio')
        stream.send({ type: 'ack', offset: message.offset + message.data.length / 2, lagMs: 0 });
      script(message, stream);
    });
  });
}
