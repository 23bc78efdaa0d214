// Reads server-sent events as chat endpoints send them: the data of each event, from a stream of bytes that may be cut
// anywhere. https://html.spec.whatwg.org/multipage/server-sent-events.html
import { createParser } from 'eventsource-parser';

/** Bytes of a whole answer: more is no polished text. */
export const ANSWER_BYTES_MAX = 4_194_304;

/** The data of each event. Throws when the answer is longer than {@link ANSWER_BYTES_MAX}. */
export async function* eventData(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const events: string[] = [];
  const parser = createParser({ onEvent: ({ data }) => events.push(data) });
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw new RangeError(`the answer has more than ${ANSWER_BYTES_MAX} bytes`);
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* events.splice(0);
  }
  // Some servers leave out the empty line after the last event.
  parser.feed('\n\n');
  yield* events;
}
