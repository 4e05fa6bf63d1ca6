import { Tabs as Ark } from '@ark-ui/solid/tabs';
import { For, type JSX } from 'solid-js';

export interface Tab {
  readonly value: string;
  readonly label: string;
  readonly content: () => JSX.Element;
}

/** Tabs; the content of a tab exists while it is shown. */
export function Tabs(props: { label: string; tabs: readonly Tab[]; value: string; onChange: (value: string) => void }) {
  return (
    <Ark.Root value={props.value} onValueChange={(details) => props.onChange(details.value)} lazyMount unmountOnExit>
      <Ark.List class="tabs" aria-label={props.label}>
        <For each={props.tabs}>
          {(tab) => (
            <Ark.Trigger class="tab" value={tab.value}>
              {tab.label}
            </Ark.Trigger>
          )}
        </For>
      </Ark.List>
      <For each={props.tabs}>{(tab) => <Ark.Content value={tab.value}>{tab.content()}</Ark.Content>}</For>
    </Ark.Root>
  );
}
