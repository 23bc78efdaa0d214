// The part of a WebSocket that the client uses: browsers, React Native and the ws package all have it.

/** Bytes in memory of their own. Written so that TypeScript before 5.7, whose arrays are not generic, can read it. */
export type OwnBytes = Uint8Array & { readonly buffer: ArrayBuffer };

export interface WebSocketLike {
  binaryType: string;
  readonly protocol: string;
  send(data: string | OwnBytes): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  addEventListener(type: 'error', listener: (event: object) => void): void;
}

/** Opens a WebSocket; with the ws package: `(url, protocols) => new WebSocket(url, protocols, { headers })`. */
export type WebSocketFactory = (url: string, subprotocols: string[]) => WebSocketLike;

/** The WebSocket of the platform. Throws TypeError where there is none (Node before 22). */
export const platformWebSocket: WebSocketFactory = (url, subprotocols) => {
  if (typeof globalThis.WebSocket !== 'function') {
    throw new TypeError(
      'This platform has no WebSocket: pass the option "webSocket", made with the ws package for example.',
    );
  }
  return new globalThis.WebSocket(url, subprotocols);
};
