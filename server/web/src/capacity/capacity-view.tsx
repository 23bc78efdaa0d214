// The calculator: where the figures come from, what is assumed, what follows.
import type { JSX } from 'preact';
import { useId } from 'preact/hooks';
import { ASSUMPTION_NAMES, ASSUMPTIONS } from '../../../src/capacity/assumptions.js';
import { MEASURED_UNITS } from '../../../src/capacity/measured.js';
import type { CapacityPlan } from '../../../src/capacity/plan.js';
import { answerText, CAPACITY_WORDS, figureText } from '../../../src/capacity/words.js';
import { uiLanguage } from '../i18n/language.js';
import { NumberField } from '../view/number-field.js';
import { PageControls } from '../view/page-controls.js';
import {
  assume,
  assumptions,
  filesSpeed,
  measured,
  measureOwn,
  plan,
  startFrom,
  streams,
  unitKey,
  unitsNeeded,
  usersWanted,
} from './calculation.js';
import { serverAddress } from '../server-address.js';

const STREAMS_MAX = 1_000_000;

export function CapacityView(): JSX.Element {
  const t = CAPACITY_WORDS[uiLanguage.value];
  return (
    <>
      <header class="head">
        <a class="wordmark" href={serverAddress()}>
          Sotto
        </a>
        <div class="head-controls">
          <PageControls />
        </div>
      </header>
      <main>
        <div class="intro">
          <h1>{t.title}</h1>
          <p>{t.intro}</p>
        </div>
        <section class="given">
          <Measured />
          <h2>{t.assumptions}</h2>
          <div class="fields">
            {ASSUMPTION_NAMES.map((name) => (
              <NumberField
                key={name}
                label={t.assumption[name]}
                value={assumptions.value[name]}
                bounds={[ASSUMPTIONS[name].min, ASSUMPTIONS[name].max]}
                onNumber={(value) => value !== undefined && assume(name, value)}
              />
            ))}
          </div>
          <button type="button" class="quiet" onClick={() => startFrom(unitKey.value)}>
            {t.reset}
          </button>
        </section>
        <Results />
      </main>
    </>
  );
}

/** The figures that everything starts from, and how they were measured. */
function Measured(): JSX.Element {
  const language = uiLanguage.value;
  const t = CAPACITY_WORDS[language];
  const id = useId();
  const unit = measured.value;
  return (
    <>
      <h2>{t.measured}</h2>
      <p class="field">
        <label for={id}>{t.unit}</label>
        <select id={id} value={unitKey.value} onChange={({ currentTarget }) => startFrom(currentTarget.value)}>
          {MEASURED_UNITS.map(({ key, device, model, form }) => (
            <option key={key} value={key}>
              {`${device}, ${model}, ${t.forms[form]}`}
            </option>
          ))}
          <option value="own">{t.own}</option>
        </select>
      </p>
      <div class="fields">
        <NumberField
          label={t.streamsPerUnit}
          value={streams.value}
          bounds={[1, STREAMS_MAX]}
          onNumber={(value) => measureOwn('streams', value)}
        />
        <NumberField
          label={t.filesSpeed}
          value={filesSpeed.value}
          bounds={[0.01, STREAMS_MAX]}
          isOptional
          onNumber={(value) => measureOwn('filesSpeed', value)}
        />
      </div>
      {unit !== undefined && (
        <p class="caption">
          {t.latency(unit.wordsP95Ms, unit.finalsP95Ms)} {unit.how[language]}
        </p>
      )}
      <p class="caption">{unit?.form === 'stock' ? t.adapt : t.measureYours}</p>
    </>
  );
}

function Results(): JSX.Element {
  const language = uiLanguage.value;
  const t = CAPACITY_WORDS[language];
  return (
    <section class="results" aria-live="polite">
      <h2>{t.results}</h2>
      <p>{answerText(plan.value, assumptions.value, language)}</p>
      <dl>
        {(Object.keys(plan.value) as (keyof CapacityPlan)[]).map((name) => (
          <Figure key={name} name={name} label={t.result[name]} text={figureText(plan.value[name], language)} />
        ))}
      </dl>
      <NumberField
        label={t.usersWanted}
        value={usersWanted.value}
        bounds={[1, 1_000_000_000]}
        isOptional
        onNumber={(value) => (usersWanted.value = value)}
      />
      {usersWanted.value !== undefined && (
        <dl>
          <Figure
            name="unitsNeeded"
            label={t.unitsNeeded}
            text={unitsNeeded.value === undefined ? '> 1,000,000' : figureText(unitsNeeded.value, language)}
          />
        </dl>
      )}
    </section>
  );
}

function Figure({ name, label, text }: { readonly name: string; readonly label: string; readonly text: string }) {
  return (
    <div class="figure" data-name={name}>
      <dt>{label}</dt>
      <dd>{text}</dd>
    </div>
  );
}
