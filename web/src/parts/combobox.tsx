import { Combobox as Ark, createListCollection } from '@ark-ui/solid/combobox';
import { createMemo, createSignal, For, Show } from 'solid-js';
import { t } from '../i18n/index.ts';
import { Floating } from './floating.tsx';
import type { Option } from './select.tsx';

/** Shown at once; the rest is found by typing. */
const MOST_SHOWN = 100;

export interface ComboboxProps {
  readonly label: string;
  readonly options: readonly Option[];
  readonly values: readonly string[];
  readonly onChange: (values: readonly string[]) => void;
  readonly multiple?: boolean;
  /** Values that are no option may be entered. */
  readonly custom?: boolean;
  readonly placeholder?: string;
  readonly labelHidden?: boolean;
  readonly name?: string;
}

/** One or several of many options, found by typing. */
export function Combobox(props: ComboboxProps) {
  const [typed, setTyped] = createSignal('');
  const collection = createMemo(() => {
    const wanted = typed().trim().toLowerCase();
    const found = props.options.filter(({ label }) => label.toLowerCase().includes(wanted)).slice(0, MOST_SHOWN);
    const own = props.custom === true && wanted !== '' && !found.some(({ value }) => value === typed().trim());
    const items = own ? [{ value: typed().trim(), label: typed().trim() }, ...found] : found;
    return createListCollection<Option>({ items });
  });
  const labelOf = (value: string): string => props.options.find((each) => each.value === value)?.label ?? value;
  return (
    <Ark.Root
      class="combobox"
      collection={collection()}
      value={[...props.values]}
      onValueChange={(details) => {
        setTyped('');
        props.onChange(details.value);
      }}
      onInputValueChange={(details) => {
        if (details.reason === 'input-change') setTyped(details.inputValue);
      }}
      multiple={props.multiple === true}
      selectionBehavior={props.multiple === true ? 'clear' : 'replace'}
      openOnClick
      positioning={{ sameWidth: true }}
      lazyMount
      unmountOnExit
    >
      <Ark.Label class={props.labelHidden === true ? 'hidden' : 'select-label'}>{props.label}</Ark.Label>
      <Show when={props.multiple === true && props.values.length > 0}>
        <ul class="chips">
          <For each={props.values}>
            {(value) => (
              <li class="chip">
                {labelOf(value)}
                <button
                  type="button"
                  aria-label={`${t('shell.clear')} ${labelOf(value)}`}
                  onClick={() => props.onChange(props.values.filter((each) => each !== value))}
                >
                  ✕
                </button>
              </li>
            )}
          </For>
        </ul>
      </Show>
      <Ark.Control class="combobox-control">
        <Ark.Input placeholder={props.placeholder} data-name={props.name} />
        <Ark.ClearTrigger class="button quiet" aria-label={t('shell.clear')}>
          ✕
        </Ark.ClearTrigger>
      </Ark.Control>
      <Floating>
        <Ark.Positioner>
          <Ark.Content class="menu">
            <Show when={collection().size === 0}>
              <p class="menu-note muted">{t('shell.noMatch')}</p>
            </Show>
            <For each={collection().items}>
              {(item) => (
                <Ark.Item class="menu-item" item={item}>
                  <Ark.ItemText>{item.label}</Ark.ItemText>
                  <Ark.ItemIndicator class="menu-mark">✓</Ark.ItemIndicator>
                </Ark.Item>
              )}
            </For>
          </Ark.Content>
        </Ark.Positioner>
      </Floating>
    </Ark.Root>
  );
}
