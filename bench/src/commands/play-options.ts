// Options that the benches share which play recordings to a server.
import type { Command } from 'commander';
import { fixturesFolder } from '../audio/recordings.js';
import { numberWithin, wholeNumber } from './option-values.js';

/** What is said, and how a session is set. */
export interface SpeechSettings {
  readonly recordings: string;
  readonly language: string;
  readonly chunkMs: number;
  readonly gapMs: number;
  readonly partialIntervalMs?: number;
  readonly minSilenceMs?: number;
  readonly seed: number;
  readonly out?: string;
}

export interface PlaySettings extends SpeechSettings {
  readonly limit?: number;
  readonly rounds: number;
  readonly pace: number;
  readonly staggerMs: number;
}

/** Adds {@link SpeechSettings} to a command. */
export function withSpeechOptions(command: Command): Command {
  return command
    .option('--recordings <folder>', 'folder with a manifest.jsonl', fixturesFolder)
    .option('--language <code>', 'plays the recordings of this language, and names it to the server', 'en')
    .option('--chunk-ms <ms>', 'audio of one message', wholeNumber(10, 1_000), 40)
    .option('--gap-ms <ms>', 'silence between recordings', wholeNumber(0, 60_000), 1_500)
    .option(
      '--partial-interval-ms <ms>',
      "new audio between two partials; else the server's default",
      wholeNumber(100, 10_000),
    )
    .option(
      '--min-silence-ms <ms>',
      "silence that ends an utterance, part of every final's latency; else the server's default",
      wholeNumber(96, 10_000),
    )
    .option('--seed <number>', 'of the order in which recordings are played', wholeNumber(0, 2 ** 32 - 1), 1)
    .option('--out <file.json>', 'writes the result there, and as Markdown beside it');
}

/** Adds {@link PlaySettings} to a command. */
export function withPlayOptions(command: Command): Command {
  return withSpeechOptions(command)
    .option('--limit <count>', 'plays the first recordings only', wholeNumber(1, 100_000))
    .option('--rounds <count>', 'how often every recording is played', wholeNumber(1, 1_000), 1)
    .option('--pace <factor>', 'audio time per time; 1 is real time', numberWithin(0.1, 100), 1)
    .option('--stagger-ms <ms>', 'time between the starts of two connections', wholeNumber(0, 60_000), 700);
}

/** How the sessions were set, for a result. */
export const sessionSettings = ({
  language,
  chunkMs,
  gapMs,
  partialIntervalMs,
  minSilenceMs,
  seed,
}: SpeechSettings): Record<string, string | number> => ({
  language,
  chunkMs,
  gapMs,
  partialIntervalMs: partialIntervalMs ?? "the server's default",
  minSilenceMs: minSilenceMs ?? "the server's default",
  seed,
});
