// How the connection fares, and what came back with the page: said when there is something to say.
import type { JSX } from 'preact';
import { words } from '../i18n/language.js';
import { durationText } from '../studio/clock-text.js';
import { isRecalled, isRunning, stream } from '../studio/studio.js';

export function ConnectionNote(): JSX.Element {
  const text = note();
  return (
    <div role="status">
      {text !== '' && (
        <p class="note" data-state={stream.value?.connection.value.name ?? 'steady'}>
          {text}
        </p>
      )}
    </div>
  );
}

function note(): string {
  const t = words.value;
  const connection = stream.value?.connection.value ?? { name: 'steady' };
  switch (connection.name) {
    case 'trying':
      return isRunning.value ? t.connectionTrying : t.connectionTryingToFinish;
    case 'resumed':
      return t.connectionResumed;
    case 'restarted':
      return connection.lostMs === 0 ? t.connectionRestarted : t.connectionLost(durationText(connection.lostMs));
    case 'steady':
      return isRecalled.value ? t.recalled : '';
  }
}
