// uWebSockets.js as far as it is used here, and where its binary lies.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);

/** The library, or why there is none: the end of a sentence about uWebSockets.js. */
export type UwsSearch =
  | { readonly library: UwsLibrary; readonly missing?: undefined }
  | { readonly library?: undefined; readonly missing: string };

/**
 * Looks for the native library in folders of packages, by default those of this install.
 *
 * The binary is loaded by its path: the entry of the npm alias falls back to a JavaScript server that does not work
 * when there is none. It lies in `binaries/` of the alias and in the root of the package that its author publishes.
 */
export function findUws(modules: readonly string[] = require.resolve.paths('uWebSockets.js') ?? []): UwsSearch {
  const folders = modules.map((folder) => join(folder, 'uWebSockets.js')).filter((folder) => existsSync(folder));
  if (folders.length === 0) return { missing: 'is not installed' };
  const name = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
  const binary = folders
    .flatMap((folder) => [join(folder, 'binaries', name), join(folder, name)])
    .find((path) => existsSync(path));
  if (binary === undefined) {
    return { missing: `has no binary for Node ${process.versions.node} on ${process.platform}-${process.arch}` };
  }
  try {
    return { library: require(binary) as UwsLibrary };
  } catch (error) {
    // Built for a newer C library than this machine has, for example.
    return { missing: `cannot be loaded (${error instanceof Error ? error.message : String(error)})` };
  }
}

/** The native library, or undefined where it has no binary that runs here. */
export function loadUws(): UwsLibrary | undefined {
  return findUws().library;
}

/** Opaque native handles. */
export type ListenToken = object;
export type UpgradeContext = object;

/** The part of uWebSockets.js 20 that is used here (its own types come with the package, which may be absent). */
export interface UwsLibrary {
  readonly DISABLED: number;
  App(): UwsApp;
  SSLApp(options: { cert_file_name: string; key_file_name: string }): UwsApp;
  us_socket_local_port(token: ListenToken): number;
  us_listen_socket_close(token: ListenToken): void;
}

export interface UwsApp {
  ws<Data>(pattern: string, behavior: UwsBehavior<Data>): UwsApp;
  any(pattern: string, handler: (response: UwsResponse, request: UwsRequest) => void): UwsApp;
  publish(topic: string, data: Uint8Array | string, isBinary: boolean): boolean;
  /** Drops every connection and stops listening. */
  close(): void;
  listen(host: string, port: number, options: number, done: (token: ListenToken | false) => void): UwsApp;
}

export interface UwsBehavior<Data> {
  readonly compression: number;
  readonly maxPayloadLength: number;
  readonly maxBackpressure: number;
  readonly idleTimeout: number;
  readonly sendPingsAutomatically: boolean;
  upgrade(response: UwsResponse, request: UwsRequest, context: UpgradeContext): void;
  open(socket: UwsWebSocket<Data>): void;
  message(socket: UwsWebSocket<Data>, data: ArrayBuffer, isBinary: boolean): void;
  drain(socket: UwsWebSocket<Data>): void;
  ping(socket: UwsWebSocket<Data>): void;
  pong(socket: UwsWebSocket<Data>): void;
  close(socket: UwsWebSocket<Data>, code: number): void;
}

export interface UwsWebSocket<Data> {
  getUserData(): Data;
  send(data: Uint8Array | string, isBinary: boolean): number;
  ping(): number;
  getBufferedAmount(): number;
  subscribe(topic: string): boolean;
  unsubscribe(topic: string): boolean;
  end(code: number, reason: string): void;
  close(): void;
}

export interface UwsRequest {
  getMethod(): string;
  getUrl(): string;
  getQuery(): string;
  getHeader(name: string): string;
  forEach(each: (name: string, value: string) => void): void;
}

export interface UwsResponse {
  writeStatus(status: string): UwsResponse;
  writeHeader(name: string, value: string): UwsResponse;
  /** False when the peer has not taken everything yet. */
  write(piece: Uint8Array | string): boolean;
  end(body: Uint8Array | string, closeConnection: boolean): UwsResponse;
  /**
   * Writes what the kernel takes and keeps nothing of the rest. [whether it took all, whether the response is over].
   */
  tryEnd(body: Uint8Array | string, totalBytes: number): [boolean, boolean];
  endWithoutBody(contentLength: number | undefined, closeConnection: boolean): UwsResponse;
  /** Drops the connection. */
  close(): UwsResponse;
  cork(write: () => void): UwsResponse;
  pause(): void;
  resume(): void;
  onAborted(handler: () => void): UwsResponse;
  /** The memory is taken back when the handler returns. */
  onData(handler: (piece: ArrayBuffer, isLast: boolean) => void): UwsResponse;
  onWritable(handler: (offset: number) => boolean): UwsResponse;
  getRemoteAddressAsText(): ArrayBuffer;
  upgrade<Data>(data: Data, key: string, subprotocol: string, extensions: string, context: UpgradeContext): void;
}
