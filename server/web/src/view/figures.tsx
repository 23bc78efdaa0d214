// How quick it is: the text behind the voice, the server behind the sound, a message there and back.
import type { JSX } from 'preact';
import { words } from '../i18n/language.js';
import { durationText } from '../studio/clock-text.js';
import { roundTripMs } from '../studio/server-watch.js';
import { activity, stream } from '../studio/studio.js';

export function Figures(): JSX.Element {
  const t = words.value;
  const live = stream.value;
  // A file is sent faster than it sounds: there is no voice to be behind.
  const latency = activity.value.name === 'listening' ? live?.latencyMs.value : undefined;
  return (
    <dl class="figures">
      <Figure name={t.latency} help={t.latencyHelp} ms={latency} />
      <Figure name={t.lag} help={t.lagHelp} ms={live?.lagMs.value} />
      <Figure name={t.roundTrip} help={t.roundTripHelp} ms={roundTripMs.value} />
    </dl>
  );
}

interface FigureProps {
  readonly name: string;
  readonly help: string;
  readonly ms: number | undefined;
}

function Figure({ name, help, ms }: FigureProps): JSX.Element {
  return (
    <div title={help}>
      <dt>{name}</dt>
      <dd>{durationText(ms)}</dd>
    </div>
  );
}
