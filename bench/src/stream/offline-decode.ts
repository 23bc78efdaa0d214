// The same recordings decoded as whole files, in the bench's own process: what streaming is compared with.
import { createOfflineTranscriber } from '@sotto/server';
import type { LoadedRecording } from '../audio/playlist.js';
import type { Hypothesis } from './hypotheses.js';

export interface OfflineOptions {
  readonly language: string;
  /** Flags of the server under test: those that choose the model are followed. */
  readonly flags: readonly string[];
}

/** Transcribes each recording by itself with the model that the server uses. */
export async function decodeOffline(
  recordings: readonly LoadedRecording[],
  { language, flags }: OfflineOptions,
): Promise<Hypothesis[]> {
  const [model, models] = [flagValue(flags, '--model'), flagValue(flags, '--models')];
  const transcriber = await createOfflineTranscriber({
    language,
    ...(model === undefined ? {} : { model }),
    ...(models === undefined ? {} : { models }),
  });
  try {
    const heard: Hypothesis[] = [];
    for (const recording of recordings) {
      const texts: string[] = [];
      for await (const { text } of transcriber.transcribe(recording.samples)) texts.push(text.trim());
      heard.push({ recording, text: texts.filter((text) => text !== '').join(' ') });
    }
    return heard;
  } finally {
    await transcriber.close();
  }
}

/** The value of `--flag value` or `--flag=value`; the last one counts. */
function flagValue(flags: readonly string[], flag: string): string | undefined {
  return flags
    .flatMap((item, index) => {
      if (item === flag) return flags[index + 1] ?? [];
      return item.startsWith(`${flag}=`) ? item.slice(flag.length + 1) : [];
    })
    .at(-1);
}
