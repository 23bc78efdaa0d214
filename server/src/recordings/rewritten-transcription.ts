// Transcription whose texts are rewritten: it stands below the cache, which so keeps nothing that is to be hidden.
import type { TranscribedSegment } from '../asr/files/file-transcriber.js';
import { demandedRewriting, withDemandedHotwords } from '../text/rewriting/demands.js';
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
    const { demands = {} } = options;
    const hotwords = withDemandedHotwords(options.hotwords, demands);
    const segments = this.#transcription.transcribe(audio, { ...options, hotwords }, run);
    const wishes = [demandedRewriting(demands), changeRewriting(this.#defaults, options.rewriting ?? {})];
    const rewritings = wishes.filter((wish) => !isNothing(wish)).map((wish) => new Rewriting(wish));
    for await (const segment of segments) yield rewritings.reduce(rewritten, segment);
  }
}

function rewritten(segment: TranscribedSegment, rewriting: Rewriting): TranscribedSegment {
  const text = rewriting.whole(segment.text);
  if (text === segment.text) return segment;
  return { ...segment, text, words: rewriting.words(segment.words, segment.text), tokens: [] };
}
