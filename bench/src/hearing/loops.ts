// Texts that say the same again and again although nobody did.
import { comparedUnits } from '@sotto/models';

/** The longest phrase whose repetition is looked for, words or characters. */
const PHRASE_MAX = 12;
/** Copies of a phrase in a row that make a loop, beyond those that were said. */
const COPIES_MIN = 4;

/** Most copies in a row of any phrase: 1 where nothing is repeated, 0 for an empty text. */
export function copiesInARow(units: readonly string[]): number {
  let most = Math.min(1, units.length);
  for (let period = 1; period <= PHRASE_MAX; period += 1) {
    let same = 0;
    for (let at = period; at < units.length; at += 1) {
      same = units[at] === units[at - period] ? same + 1 : 0;
      most = Math.max(most, 1 + Math.floor(same / period));
    }
  }
  return most;
}

/** Whether a text repeats a phrase {@link COPIES_MIN} times or more, and more often than it was said. */
export function isLoop(text: string, said: string, language: string): boolean {
  const copies = copiesInARow(comparedUnits(text, language));
  return copies >= COPIES_MIN && copies > copiesInARow(comparedUnits(said, language));
}
