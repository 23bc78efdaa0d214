// What another process needs to go on with a session: everything but its audio, which the client sends again.
import type { FinalMessage, PartialMessage, PolishedMessage, StartMessage } from '@sotto/protocol';
import type { PolishWish } from '../polish/polish-settings.js';
import type { SessionPolishState } from './polish-owed.js';
import type { PreviousTextState } from './previous-text.js';

import type { RewritingWish } from '../text/rewriting/rewriting.js';
import type { StreamSettings } from './session-settings.js';

/** The utterances before the one that a session goes on with. */
export interface UtterancesState {
  /** How many there were: the id of the next one. */
  readonly count: number;
  /** Samples at 16 kHz. */
  readonly speechSamples: number;
  readonly words: number;
  readonly previousText: PreviousTextState;
  /** Speech of each language, milliseconds. */
  readonly languages: Readonly<Record<string, number>>;
}

/** What those see who watch a session. */
export interface SharedLines {
  readonly id: string;
  /** Secret: who has it may watch. */
  readonly token: string;
  readonly finals: readonly FinalMessage[];
  readonly partials: readonly PartialMessage[];
  readonly polished: readonly PolishedMessage[];
}

export interface SessionCheckpoint {
  readonly sessionId: string;
  readonly start: StartMessage;
  readonly polishWish: PolishWish;
  /** What is done to its texts from here on. Absent: what the server does by itself. */
  readonly rewriting?: RewritingWish;
  /** No word is owed of audio before this sample (client's rate): the session goes on from here. */
  readonly offset: number;
  readonly settings: StreamSettings;
  readonly utterances: UtterancesState;
  readonly polish: SessionPolishState | undefined;
  /** Set where it is shared. */
  readonly share?: SharedLines;
}
