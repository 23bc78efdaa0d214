// The channels of a recording, heard one after the other, each a speaker of its own; all on one timeline.
import { LIMITS } from '@sotto/protocol';
import { AudioFileError } from '../../audio/audio-errors.js';
import type { TranscribedSegment } from './file-transcriber.js';

/** What is heard in one channel of a recording, from 0 on; throws AudioFileError `no_channel` behind the last one. */
export type HearChannel = (channel: number) => AsyncIterable<TranscribedSegment>;

/** All segments of all channels, in the order of their beginnings, once the last channel is heard. */
export async function* separateChannels(hear: HearChannel): AsyncGenerator<TranscribedSegment, void, undefined> {
  const all: TranscribedSegment[] = [];
  for (let channel = 0; channel < LIMITS.channelsMax; channel++) {
    try {
      for await (const segment of hear(channel)) all.push({ ...segment, channel });
    } catch (error) {
      const wasLast = channel > 0 && error instanceof AudioFileError && error.code === 'no_channel';
      if (!wasLast) throw error;
      break;
    }
  }
  yield* all.toSorted((a, b) => a.startMs - b.startMs);
}
