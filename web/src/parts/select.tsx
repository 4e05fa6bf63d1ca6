import { createListCollection, Select as Ark } from '@ark-ui/solid/select';
import { createMemo, For } from 'solid-js';
import { Floating } from './floating.tsx';

export interface Option {
  readonly value: string;
  readonly label: string;
  readonly disabled?: boolean;
}

export interface SelectProps {
  readonly label: string;
  readonly options: readonly Option[];
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** The label is for screen readers only. */
  readonly labelHidden?: boolean;
  readonly disabled?: boolean;
  /** Of the element, for tests. */
  readonly name?: string;
}

/** One of a few options. */
export function Select(props: SelectProps) {
  const collection = createMemo(() => createListCollection<Option>({ items: [...props.options] }));
  return (
    <Ark.Root
      class="select"
      collection={collection()}
      value={[props.value]}
      onValueChange={(details) => {
        const [value] = details.value;
        if (value !== undefined) props.onChange(value);
      }}
      disabled={props.disabled === true}
      positioning={{ sameWidth: true }}
      lazyMount
      unmountOnExit
    >
      <Ark.Label class={props.labelHidden === true ? 'hidden' : 'select-label'}>{props.label}</Ark.Label>
      <Ark.Control>
        <Ark.Trigger class="button select-button" data-name={props.name}>
          <Ark.ValueText />
          <Ark.Indicator class="select-arrow" aria-hidden="true">
            ▾
          </Ark.Indicator>
        </Ark.Trigger>
      </Ark.Control>
      <Floating>
        <Ark.Positioner>
          <Ark.Content class="menu">
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
