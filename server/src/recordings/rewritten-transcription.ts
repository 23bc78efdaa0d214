// Transcription whose texts are rewritten: it stands below the cache, which so keeps nothing that is to be hidden.
import type { TranscribedSegment } from '../asr/files/file-transcriber.js';
import { changeRewriting, isNothing, Rewriting, type RewritingWish } from '../text/rewriting/rewriting.js';
import type { FileOptions, FileRun, FileTranscription } from './file-transcription.js';

export class RewrittenTranscription implements Pick<FileTranscription, 'transcribe'> {
  readonly #transcription: Pick<FileTranscription, 'transcribe'>;
  readonly #defaults: RewritingWish;

  /** @param defaults what holds where a recording's options do not say */
  constructor(transcription: Pick<FileTranscription, 'transcribe'>, defaults: RewritingWish) {
    this.#transcription = transcription;
    this.#defaults = defaults;
  }

  /** As {@link FileTranscription.transcribe}. A segment whose text was changed has no tokens: they would tell it. */
  async *transcribe(
    audio: AsyncIterable<Float32Array>,
    options: FileOptions,
    run: FileRun = {},
  ): AsyncGenerator<TranscribedSegment, void, undefined> {
    const wish = changeRewriting(this.#defaults, options.rewriting ?? {});
    const segments = this.#transcription.transcribe(audio, options, run);
    if (isNothing(wish)) return yield* segments;
    const rewriting = new Rewriting(wish);
    for await (const segment of segments) {
      const text = rewriting.whole(segment.text);
      const words = rewriting.words(segment.words, segment.text);
      yield text === segment.text ? segment : { ...segment, text, words, tokens: [] };
    }
  }
}
