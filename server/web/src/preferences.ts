// What a person has chosen, kept in the browser; without storage (private windows) choices last as long as the page.

export type Preference =
  | 'language'
  | 'theme'
  | 'spokenLanguage'
  | 'microphone'
  | 'polish'
  | 'polishInstruction'
  | 'share'
  | 'textSize';

const PREFIX = 'sotto.';

export function readPreference(name: Preference): string | undefined {
  try {
    return localStorage.getItem(PREFIX + name) ?? undefined;
  } catch {
    return undefined;
  }
}

export function writePreference(name: Preference, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Full or forbidden: the choice holds for this page.
  }
}
