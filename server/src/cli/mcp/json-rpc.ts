// The Model Context Protocol as far as tools need it: JSON-RPC 2.0, one message a line
// (https://modelcontextprotocol.io/specification/2025-06-18). By hand: the official SDK brings a web server along.
import { messageOf } from '@sotto/protocol';
import * as v from 'valibot';
import { VERSION } from '../../version.js';
import type { Tool } from './tool.js';

/** The newest first: a client that asks for another is offered this one. */
const PROTOCOL_VERSIONS = ['2025-06-18', '2025-03-26', '2024-11-05'];
/** Calls of tools at a time. Beyond: an error. */
const CALLS_MAX = 16;

const id = v.union([v.string(), v.number()]);
const Message = v.object({
  jsonrpc: v.literal('2.0'),
  id: v.optional(id),
  /** Absent in answers, which nobody asked for here. */
  method: v.optional(v.string()),
  params: v.optional(v.record(v.string(), v.unknown()), {}),
});
const Call = v.object({ name: v.string(), arguments: v.optional(v.record(v.string(), v.unknown()), {}) });
const Cancelled = v.object({ requestId: id });

type Id = v.InferOutput<typeof id>;

/** An error of JSON-RPC; the codes are the specification's. */
class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export class McpServer {
  readonly #tools: ReadonlyMap<string, Tool>;
  readonly #write: (line: string) => void;
  /** Calls under way. */
  readonly #calls = new Map<Id, AbortController>();

  constructor(tools: readonly Tool[], write: (line: string) => void) {
    this.#tools = new Map(tools.map((tool) => [tool.name, tool]));
    this.#write = write;
  }

  /** Takes one line; resolves when it is answered. Never rejects for what a client does. */
  async take(line: string): Promise<void> {
    if (line.trim() === '') return;
    let requestId: Id | undefined;
    try {
      const { id: given, method, params } = readMessage(line);
      requestId = given;
      if (method === undefined) return;
      if (requestId === undefined) return this.#notice(method, params);
      const result = await this.#answer(requestId, method, params);
      if (result !== undefined) this.#say({ id: requestId, result });
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#say({ id: requestId ?? null, error: { code: error.code, message: error.message } });
    }
  }

  /** A line that is too long to be read. */
  refuse(message: string): void {
    this.#say({ id: null, error: { code: -32_700, message } });
  }

  #notice(method: string, params: object): void {
    if (method !== 'notifications/cancelled') return;
    const { success, output } = v.safeParse(Cancelled, params);
    if (success) this.#calls.get(output.requestId)?.abort();
  }

  /** Undefined: the client wants no answer any more. */
  async #answer(requestId: Id, method: string, params: Readonly<Record<string, unknown>>): Promise<object | undefined> {
    switch (method) {
      case 'initialize': {
        const asked = PROTOCOL_VERSIONS.find((version) => version === params['protocolVersion']);
        return {
          protocolVersion: asked ?? PROTOCOL_VERSIONS[0],
          capabilities: { tools: {} },
          serverInfo: { name: 'sotto', version: VERSION },
        };
      }
      case 'ping':
        return {};
      case 'tools/list':
        return {
          tools: [...this.#tools.values()].map(({ name, description, inputSchema }) => ({
            name,
            description,
            inputSchema,
          })),
        };
      case 'tools/call':
        return this.#call(requestId, params);
      default:
        throw new RpcError(-32_601, `There is no method ${method}.`);
    }
  }

  async #call(requestId: Id, params: object): Promise<object | undefined> {
    const call = v.safeParse(Call, params);
    if (!call.success) throw new RpcError(-32_602, `params: ${call.issues[0].message}`);
    const tool = this.#tools.get(call.output.name);
    if (tool === undefined) throw new RpcError(-32_602, `There is no tool ${call.output.name}.`);
    if (this.#calls.has(requestId)) throw new RpcError(-32_600, 'This id is in use.');
    if (this.#calls.size >= CALLS_MAX) throw new RpcError(-32_000, `${CALLS_MAX} calls are under way: wait for one.`);
    const controller = new AbortController();
    this.#calls.set(requestId, controller);
    try {
      return textResult(await tool.run(call.output.arguments, controller.signal));
    } catch (error) {
      if (controller.signal.aborted) return undefined;
      return { ...textResult(messageOf(error)), isError: true };
    } finally {
      this.#calls.delete(requestId);
    }
  }

  #say(message: object): void {
    this.#write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }
}

function readMessage(line: string): v.InferOutput<typeof Message> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new RpcError(-32_700, 'This line is no JSON.');
  }
  const result = v.safeParse(Message, value);
  if (!result.success) throw new RpcError(-32_600, `This is not a JSON-RPC request: ${result.issues[0].message}`);
  return result.output;
}

function textResult(text: string): { content: { type: 'text'; text: string }[] } {
  return { content: [{ type: 'text', text }] };
}
