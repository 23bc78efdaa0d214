// The AsyncAPI 3 document of the wire, made from the schemas; development only, not part of the package's face.
import { toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import { ClientMessage, ServerMessage } from '../messages.js';
import { PROTOCOL_VERSION, SUBPROTOCOLS } from '../version.js';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
type Side = 'client' | 'server';
type MessageSchema = (typeof ClientMessage.options)[number] | (typeof ServerMessage.options)[number];

/** Messages of a viewer's socket; all others are of a speaker's, with these two exceptions. */
const WATCH = {
  client: ['ping'],
  server: ['watching', 'speechStarted', 'partial', 'speechEnded', 'final', 'polished', 'pong', 'error', 'ended'],
} as const satisfies Record<Side, readonly string[]>;
const WATCH_ONLY: readonly string[] = ['watching', 'ended'];

/** One sentence for each message, as in the tables of protocol/README.md. */
const SUMMARIES: Readonly<Record<Side, Readonly<Record<string, string>>>> = {
  client: {
    start: 'Opens the stream: audio format, language, settings.',
    resume: 'Resumes a session whose socket was lost, in place of start.',
    audio: 'A chunk of samples and where it belongs. In sotto.v1.json the bytes are the binary frame.',
    finalize: 'Ends the utterance in progress now.',
    mark: 'Asks for a notice when everything before it is done.',
    configure: 'Other settings from the next utterance on.',
    ping: 'Asks whether the server is there.',
    stop: 'No more audio: finish, then close.',
  },
  server: {
    ready: 'The session runs; its id, the model and the limits.',
    resumed: 'The session continues: what has arrived of it; the events that were missed follow.',
    ack: 'Audio up to here has arrived; how much of it is still to be recognised.',
    speechStarted: 'An utterance begins.',
    speechEnded: 'An utterance has ended; its final follows.',
    partial: 'What has been understood of an utterance so far: stable text, then tentative text.',
    final: 'The last word on an utterance.',
    polished: 'A segment, or the whole session, as readable text.',
    polishedDelta: 'A piece of a polished text that is being written.',
    mark: 'Everything before the mark of this id is done.',
    pong: 'The answer to ping.',
    stopped: 'The totals: the last message of a session that ends well.',
    error: 'What is wrong, with a stable code.',
    watching: 'The lines of the moment, first of all to a viewer.',
    ended: 'The session that was watched is over.',
  },
};

/**
 * The whole document. Its schemas are those of the messages as JSON; protocol/README.md has the rows of msgpack and the
 * rules of behaviour.
 */
export function asyncApiDocument(): Json {
  const client = messagesOf('client', ClientMessage.options);
  const server = messagesOf('server', ServerMessage.options);
  const streamed = Object.keys(server).filter((name) => !WATCH_ONLY.some((type) => name === `server.${type}`));
  const asked = WATCH.client.map((type) => `client.${type}`);
  const shown = WATCH.server.map((type) => `server.${type}`);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Sotto',
      version: `${PROTOCOL_VERSION}.0.0`,
      description:
        'Realtime speech-to-text on one WebSocket. Behaviour is defined by the numbered rules of protocol/README.md. ' +
        `Subprotocols: ${SUBPROTOCOLS.join(' (default), ')}.`,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    servers: { local: { host: '127.0.0.1:8080', protocol: 'ws', description: 'A server as it starts by default.' } },
    channels: {
      stream: channel('/v1/stream', 'One session', [...Object.keys(client), ...streamed], {}),
      watch: channel('/v1/watch', 'The captions of a shared session', [...asked, ...shown], {
        query: {
          type: 'object',
          properties: { token: { type: 'string', description: 'ready.watchToken of the session' } },
          required: ['token'],
        },
      }),
    },
    operations: {
      listen: operation('receive', 'What a client says to the server.', 'stream', Object.keys(client)),
      answer: operation('send', 'What the server says to a client.', 'stream', streamed),
      listenToViewer: operation('receive', 'What a viewer says to the server.', 'watch', asked),
      show: operation('send', 'What the server says to a viewer.', 'watch', shown),
    },
    components: { messages: { ...client, ...server } },
  };
}

/** Both ends have a `mark`: names of messages carry their side. */
function messagesOf(side: Side, schemas: readonly MessageSchema[]): Readonly<Record<string, Json>> {
  return Object.fromEntries(
    schemas.map((schema) => {
      const type = schema.entries.type.literal;
      const summary = SUMMARIES[side][type];
      if (summary === undefined) throw new Error(`The message ${type} has no summary.`);
      return [`${side}.${type}`, { name: type, title: `${type} (${side})`, summary, payload: payloadOf(schema) }];
    }),
  );
}

function payloadOf(schema: v.GenericSchema): Json {
  const { $schema: _, ...payload } = toJsonSchema(schema, {
    typeMode: 'input',
    overrideSchema: ({ valibotSchema }) =>
      valibotSchema.type === 'custom' ? { type: 'string', format: 'binary' } : undefined,
  });
  return payload as Json;
}

function channel(address: string, title: string, names: readonly string[], binding: { readonly query?: Json }): Json {
  return {
    address,
    title,
    servers: [{ $ref: '#/servers/local' }],
    messages: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
    bindings: {
      ws: {
        method: 'GET',
        ...binding,
        headers: { type: 'object', properties: { 'Sec-WebSocket-Protocol': { type: 'string', enum: SUBPROTOCOLS } } },
      },
    },
  };
}

function operation(
  action: 'send' | 'receive',
  summary: string,
  channelName: string,
  messages: readonly string[],
): Json {
  return {
    action,
    summary,
    channel: { $ref: `#/channels/${channelName}` },
    messages: messages.map((name) => ({ $ref: `#/channels/${channelName}/messages/${name}` })),
  };
}
