// The editor's form fields: each with its label, and its help where there is some.
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { OVERLAY_BOUNDS } from '../overlay/options.js';
import { NumberField } from '../view/number-field.js';
import { options, set, tokenOf } from './editor-state.js';

interface FieldProps {
  readonly label: string;
  readonly help?: string;
}

export function TextField({
  label,
  help,
  name,
  value = options.value[name],
}: FieldProps & { readonly name: 'font' | 'watch' | 'language'; readonly value?: string }) {
  const id = useId();
  return (
    <p class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        autocomplete="off"
        spellcheck={false}
        value={value}
        aria-describedby={help === undefined ? undefined : `${id}-help`}
        onInput={({ currentTarget }) => {
          const written = currentTarget.value.trim();
          set(name, name === 'watch' ? tokenOf(written) : written);
        }}
      />
      {help !== undefined && <small id={`${id}-help`}>{help}</small>}
    </p>
  );
}

export function OptionField({
  name,
  step = 1,
  ...texts
}: FieldProps & { readonly name: keyof typeof OVERLAY_BOUNDS; readonly step?: number }) {
  return (
    <NumberField
      {...texts}
      isShort
      value={options.value[name]}
      bounds={OVERLAY_BOUNDS[name]}
      step={step}
      onNumber={(value) => value !== undefined && set(name, value)}
    />
  );
}

export function ColorField({ label, name }: FieldProps & { readonly name: 'color' | 'outlineColor' | 'background' }) {
  const id = useId();
  const value = options.value[name];
  return (
    <p class="field short">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="color"
        value={`#${value.slice(0, 6)}`}
        onInput={({ currentTarget }) =>
          set(name, currentTarget.value.slice(1) + (name === 'background' ? alpha() : ''))
        }
      />
    </p>
  );
}

/** How opaque the background is: the last byte of its colour. */
export function OpacityField({ label }: FieldProps) {
  const id = useId();
  return (
    <p class="field short">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="range"
        min={0}
        max={100}
        step={5}
        value={Math.round((Number.parseInt(alpha(), 16) / 255) * 100)}
        onInput={({ currentTarget }) => {
          const byte = Math.round((currentTarget.valueAsNumber / 100) * 255);
          set('background', options.value.background.slice(0, 6) + byte.toString(16).padStart(2, '0'));
        }}
      />
    </p>
  );
}

export function CheckField({ label, name }: FieldProps & { readonly name: 'uppercase' | 'mask' }) {
  return (
    <p class="field check">
      <label>
        <input
          type="checkbox"
          checked={options.value[name]}
          onChange={({ currentTarget }) => set(name, currentTarget.checked)}
        />
        {label}
      </label>
    </p>
  );
}

export function ChoiceField<T extends string>({
  label,
  choices,
  labels,
  value,
  onChoose,
}: FieldProps & {
  readonly choices: readonly T[];
  readonly labels: Readonly<Record<T, string>>;
  readonly value: T;
  readonly onChoose: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      {choices.map((choice) => (
        <label key={choice}>
          <input type="radio" name={name} checked={choice === value} onChange={() => onChoose(choice)} />
          <span>{labels[choice]}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function Group({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <section class="group">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function alpha(): string {
  const { background } = options.value;
  return background.length === 8 ? background.slice(6) : 'ff';
}
