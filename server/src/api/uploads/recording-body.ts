// A request whose body is the recording itself.
import { detectAudioFormat } from '../../audio/audio-format.js';
import { boundedBody, mediaType } from '../../http/body.js';
import type { HttpRequest } from '../../http/exchange.js';
import { HttpError } from '../../http/http-error.js';

/** Bytes that tell a recording from the name of a field. */
const HEAD_BYTES = 128;

/**
 * The body as it arrives. Iterating throws HttpError as {@link boundedBody} does, and 415 `unsupported_media_type` for
 * a form of text fields: `curl -d` sends one, and its text would be refused as audio that nobody sent.
 */
export async function* recordingBody(
  request: HttpRequest,
  bytesMax: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const bytes = boundedBody(request, bytesMax);
  // The content decides, since `curl --data-binary` calls a recording so too.
  if (mediaType(request) !== 'application/x-www-form-urlencoded') return yield* bytes;
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const piece of bytes) {
    if (head === undefined) {
      yield piece;
      continue;
    }
    head = Buffer.concat([head, piece]);
    if (head.length < HEAD_BYTES) continue;
    refuseTextForm(head);
    yield head;
    head = undefined;
  }
  if (head === undefined) return;
  refuseTextForm(head);
  yield head;
}

function refuseTextForm(head: Buffer): void {
  const text = head.toString('latin1', 0, HEAD_BYTES);
  if (!/^[\w.[\]%-]+=/.test(text) || detectAudioFormat(head).status !== 'unknown') return;
  const message =
    'The body is a form of text fields (application/x-www-form-urlencoded). Send the recording in a form of the type multipart/form-data (curl -F file=@talk.wav), or alone (curl --data-binary @talk.wav).';
  throw new HttpError(415, 'unsupported_media_type', message);
}
