// Speech whose words are known one by one, for servers that run with `--engine marked`, and a client that counts them.
import type { Test } from 'tap';
import { mark, speechToMark, type MarkedSpeech } from '../../bench/src/nodes/marked-speech.js';
import type { RoamingClient } from '../../bench/src/nodes/roaming-client.js';
import { countWords } from '../../bench/src/nodes/word-count.js';
import { wordsIn } from '../../bench/src/stream/words-lost.js';
import { fixtureSamples } from './fixtures.js';

/** Silence around each clip, milliseconds. */
const GAP_MS = 1_000;

/** @param clips by id, 3 to 9 s each; @param first the number that is its first word */
export async function markedTalk(clips: readonly string[], first = 1): Promise<MarkedSpeech> {
  return mark(speechToMark(await Promise.all(clips.map(fixtureSamples)), GAP_MS), first);
}

/** All words came, each once and in order, in what was told and in the transcript. */
export async function heardOnce(t: Test, client: RoamingClient, { words }: MarkedSpeech, node: string): Promise<void> {
  const whole = { words: words.length, lost: 0, doubled: 0, isDisordered: false };
  t.strictSame(countWords(words, wordsIn(client.text)), whole, 'told');
  t.equal(client.doubled, 0, 'no final comes twice');
  t.strictSame(countWords(words, wordsIn(await transcriptOf(node, client.sessionId))), whole, 'kept');
}

/**
 * Once it is complete: that is written after `stopped`. A proxy whose nodes were all replaced within its `fail_timeout`
 * answers 502 itself until that is over; a node, or the way to it, may end before its answer.
 */
async function transcriptOf(node: string, id: string): Promise<string> {
  for (;;) {
    const answer = await fetch(`${node}/v1/transcripts/${id}`).catch(() => undefined);
    if (answer?.ok) {
      const kept = (await answer.json()) as { state?: string; text?: string };
      if (kept.state === 'complete') return kept.text ?? '';
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
