// An HTTP request and its response: the words that every address and every transport speak.
import { CodedError } from '@sotto/protocol';

/** What is known of an HTTP request before its body. It stays readable after the handler returned. */
export interface RequestHead {
  /** Upper case. */
  readonly method: string;
  /** Without the query, as it was sent (percent-encoded). */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Address of the peer, as text. */
  readonly remoteAddress: string;
  /** A header by its lower-case name; empty when absent. */
  header(name: string): string;
}

/** A plain HTTP request. */
export interface HttpRequest extends RequestHead {
  /**
   * The body as it arrives, which can be read once; whoever reads slowly slows the client down. A body that is not
   * read, or not to its end, is discarded when the response is there. Iterating throws {@link RequestAbortedError} when
   * the client goes away or sends nothing for too long.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Aborted when the client goes away before it has the whole response. */
  readonly signal: AbortSignal;
}

/**
 * A response. Text and bytes are sent whole. What is iterated is sent piece by piece, as fast as the client reads; when
 * the client goes away or stops reading for too long, the iterator's `return` is called, and when the iterator throws,
 * the connection is dropped, so that nobody takes the part for the whole. HEAD requests get the headers alone.
 */
export interface HttpResponse {
  readonly status: number;
  /** Empty: a response without content. */
  readonly contentType: string;
  readonly body: ResponseBody;
  readonly headers?: Readonly<Record<string, string>>;
}

export type ResponseBody = string | Uint8Array | AsyncIterable<string | Uint8Array>;

/**
 * A request that was not read to its end.
 *
 * - `request_aborted`: the client went away, or has its answer already.
 * - `request_timeout`: it sent nothing for too long; the connection ends with the answer.
 */
export class RequestAbortedError extends CodedError<'request_aborted' | 'request_timeout'> {
  override readonly name = 'RequestAbortedError';
}

/** A response that is there at once. */
export interface WholeResponse extends HttpResponse {
  readonly body: string;
}

/** What a client gets when a handler fails unexpectedly. */
export const FAILED_RESPONSE: WholeResponse = {
  status: 500,
  contentType: 'application/json; charset=utf-8',
  body: '{"error":{"code":"internal","message":"The server failed at this request; its log says why."}}\n',
};
