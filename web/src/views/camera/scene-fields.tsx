/** Fields of the scene editor. Their errors change while somebody types, so that they never take the focus. */
import { createEffect, createSignal, createUniqueId, on } from 'solid-js';
import { FieldFrame } from '../../parts/field.tsx';

export interface SceneFieldProps<T> {
  /** As the API names it, e.g. `zones[2].id`. */
  readonly name: string;
  readonly label: string;
  readonly value: T;
  readonly onChange: (value: T) => void;
  readonly hint?: string;
  /** Empty: none. */
  readonly error: string;
  readonly disabled?: boolean;
}

export function TextField(props: SceneFieldProps<string>) {
  const id = createUniqueId();
  return (
    <FieldFrame id={id} label={props.label} hint={props.hint} error={props.error}>
      <input
        id={id}
        name={props.name}
        type="text"
        autocomplete="off"
        spellcheck={false}
        value={props.value}
        disabled={props.disabled === true}
        aria-invalid={props.error === '' ? undefined : 'true'}
        aria-describedby={`${id}-hint ${id}-error`}
        onInput={(event) => props.onChange(event.currentTarget.value)}
      />
    </FieldFrame>
  );
}

export interface NumberFieldProps extends SceneFieldProps<number | undefined> {
  /** Shown while the field is empty. */
  readonly placeholder?: string;
}

/** Undefined: empty. Not a number: NaN. */
export function NumberField(props: NumberFieldProps) {
  const id = createUniqueId();
  return (
    <FieldFrame id={id} label={props.label} hint={props.hint} error={props.error}>
      <NumberInput {...props} id={id} describedBy={`${id}-hint ${id}-error`} />
    </FieldFrame>
  );
}

export interface NumberInputProps {
  readonly name: string;
  readonly value: number | undefined;
  readonly onChange: (value: number | undefined) => void;
  readonly error: string;
  readonly disabled?: boolean;
  readonly placeholder?: string;
  readonly id?: string;
  readonly describedBy?: string;
  /** Where no label has the id. */
  readonly label?: string;
  readonly labelled?: boolean;
}

/** A number as it is typed: `1.` stays as it is while it is being typed. */
export function NumberInput(props: NumberInputProps) {
  const [text, setText] = createSignal(textOf(props.value));
  createEffect(
    on(
      () => props.value,
      (value) => {
        if (!same(numberIn(text()), value)) setText(textOf(value));
      },
    ),
  );
  return (
    <input
      id={props.id}
      name={props.name}
      type="text"
      inputmode="decimal"
      autocomplete="off"
      aria-label={props.labelled === true ? props.label : undefined}
      aria-invalid={props.error === '' ? undefined : 'true'}
      aria-describedby={props.describedBy}
      title={props.error === '' ? undefined : props.error}
      placeholder={props.placeholder}
      disabled={props.disabled === true}
      value={text()}
      onInput={(event) => {
        setText(event.currentTarget.value);
        props.onChange(numberIn(event.currentTarget.value));
      }}
    />
  );
}

const textOf = (value: number | undefined): string => (value === undefined || Number.isNaN(value) ? '' : String(value));

function numberIn(text: string): number | undefined {
  const trimmed = text.trim().replace(',', '.');
  return trimmed === '' ? undefined : Number(trimmed);
}

/** An empty field and one that is not a number are both no number. */
const same = (a: number | undefined, b: number | undefined): boolean =>
  a === b || (Number.isNaN(a ?? Number.NaN) && Number.isNaN(b ?? Number.NaN));
