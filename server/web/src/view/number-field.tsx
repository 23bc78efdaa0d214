// A field for a number within bounds.
import type { JSX } from 'preact';
import { useId, useState } from 'preact/hooks';
import { words } from '../i18n/language.js';

export interface NumberFieldProps {
  readonly label: string;
  readonly help?: string;
  readonly value: number | undefined;
  readonly bounds: readonly [min: number, max: number];
  /** Between neighbouring values. Default: any number may be typed. */
  readonly step?: number;
  /** Whether the field may be empty: then its number is undefined. */
  readonly isOptional?: boolean;
  /** Beside another, rather than as wide as the form. */
  readonly isShort?: boolean;
  readonly onNumber: (value: number | undefined) => void;
}

/**
 * A number out of bounds is not taken, and the field says which are. What is typed stays until the field is left.
 */
export function NumberField(props: NumberFieldProps): JSX.Element {
  const { label, help, value, bounds, step, isOptional = false, isShort = false, onNumber } = props;
  const id = useId();
  const [typed, setTyped] = useState<string>();
  const [min, max] = bounds;
  const isRight = (text: string): boolean => (text === '' ? isOptional : Number(text) >= min && Number(text) <= max);
  const isWrong = typed !== undefined && !isRight(typed);
  const take = (text: string): void => {
    setTyped(text);
    if (isRight(text)) onNumber(text === '' ? undefined : Number(text));
  };
  const note = isWrong ? words.value.outOfRange(Number(min.toPrecision(3)), max) : help;
  return (
    <p class={isShort ? 'field short' : 'field'}>
      <label for={id}>{label}</label>
      <input
        id={id}
        type="number"
        min={min}
        max={max}
        step={step ?? 'any'}
        value={typed ?? (value === undefined ? '' : Number(value.toPrecision(6)))}
        aria-invalid={isWrong}
        aria-describedby={note === undefined ? undefined : `${id}-note`}
        onInput={({ currentTarget }) => take(currentTarget.value)}
        onBlur={() => setTyped(undefined)}
      />
      {note !== undefined && (
        <small id={`${id}-note`} role={isWrong ? 'alert' : undefined}>
          {note}
        </small>
      )}
    </p>
  );
}
