/** Fields of forms: label, hint, and the API's words about a refused value beside the field. */
import { createUniqueId, type JSX, Show } from 'solid-js';
import { ApiError } from '../api/request.ts';
import { t } from '../i18n/index.ts';
import { focusWhen } from './focus-when.ts';

export interface FieldProps {
  /** The name that the API gives the field in its refusals. */
  readonly name: string;
  readonly label: string;
  readonly value: string;
  readonly onInput: (value: string) => void;
  readonly hint?: string;
  readonly optional?: boolean;
  /** A refusal of the API, shown when it is about this field; a string is shown as it is. */
  readonly error?: unknown;
  readonly type?: 'text' | 'password' | 'number' | 'datetime-local';
  readonly multiline?: boolean;
  readonly autocomplete?: string;
  readonly placeholder?: string;
  readonly inputmode?: 'decimal' | 'numeric' | 'text';
  readonly disabled?: boolean;
}

/** The text about a field; empty when the error is about another one. The field's name in front is left out. */
export function errorTextFor(name: string, error: unknown): string {
  if (typeof error === 'string') return error;
  if (!(error instanceof ApiError) || error.field !== name) return '';
  return error.message.replace(`${name}: `, '');
}

/** A line or an area of text. The first refused field of a form takes the focus. */
export function Field(props: FieldProps) {
  const id = createUniqueId();
  const text = () => errorTextFor(props.name, props.error);
  return (
    <FieldFrame id={id} label={props.label} hint={props.hint} optional={props.optional} error={text()}>
      <Show
        when={props.multiline}
        fallback={
          <input
            id={id}
            name={props.name}
            type={props.type ?? 'text'}
            value={props.value}
            autocomplete={props.autocomplete ?? 'off'}
            spellcheck={false}
            inputmode={props.inputmode}
            placeholder={props.placeholder}
            disabled={props.disabled}
            aria-describedby={`${id}-hint ${id}-error`}
            aria-invalid={text() === '' ? undefined : 'true'}
            ref={(element) => focusWhen(element, text)}
            onInput={(event) => props.onInput(event.currentTarget.value)}
          />
        }
      >
        <textarea
          id={id}
          name={props.name}
          rows={3}
          value={props.value}
          disabled={props.disabled}
          aria-describedby={`${id}-hint ${id}-error`}
          aria-invalid={text() === '' ? undefined : 'true'}
          ref={(element) => focusWhen(element, text)}
          onInput={(event) => props.onInput(event.currentTarget.value)}
        />
      </Show>
    </FieldFrame>
  );
}

export interface FieldFrameProps {
  readonly id: string;
  readonly label: string;
  readonly hint: string | undefined;
  readonly optional?: boolean | undefined;
  /** Empty: none. */
  readonly error: string;
  readonly children: JSX.Element;
}

/** Label, hint and error around any control with this id. */
export function FieldFrame(props: FieldFrameProps) {
  return (
    <div class="field">
      <label for={props.id}>
        {props.label}
        <Show when={props.optional}>
          {' '}
          <span class="muted">({t('shell.optional')})</span>
        </Show>
      </label>
      {props.children}
      <p id={`${props.id}-hint`} class="hint">
        {props.hint}
      </p>
      <p id={`${props.id}-error`} class="error">
        {props.error}
      </p>
    </div>
  );
}
