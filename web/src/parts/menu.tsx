import { Menu as Ark } from '@ark-ui/solid/menu';
import { For, type JSX, type ParentProps } from 'solid-js';
import { Floating } from './floating.tsx';

/** A button with a menu. `label` is its name for screen readers, `text` what it shows. */
function Root(props: ParentProps<{ label: string; text: JSX.Element; class?: string }>) {
  return (
    <Ark.Root lazyMount unmountOnExit>
      <Ark.Trigger class={`button ${props.class ?? ''}`} aria-label={props.label}>
        {props.text} <span aria-hidden="true">▾</span>
      </Ark.Trigger>
      <Floating>
        <Ark.Positioner>
          <Ark.Content class="menu">{props.children}</Ark.Content>
        </Ark.Positioner>
      </Floating>
    </Ark.Root>
  );
}

const Item = (props: ParentProps<{ value: string; onSelect: () => void; danger?: boolean }>) => (
  <Ark.Item class="menu-item" value={props.value} data-danger={props.danger} onSelect={() => props.onSelect()}>
    {props.children}
  </Ark.Item>
);

/** An item that leads to another address, beside the page. */
const Link = (props: ParentProps<{ href: string }>) => (
  <Ark.Item class="menu-item" value={props.href} onSelect={() => location.assign(props.href)}>
    {props.children}
  </Ark.Item>
);

const Check = (props: ParentProps<{ value: string; checked: boolean; onChange: (checked: boolean) => void }>) => (
  <Ark.CheckboxItem
    class="menu-item"
    value={props.value}
    checked={props.checked}
    onCheckedChange={(checked) => props.onChange(checked)}
    closeOnSelect={false}
  >
    <Ark.ItemIndicator class="menu-mark">✓</Ark.ItemIndicator>
    <Ark.ItemText>{props.children}</Ark.ItemText>
  </Ark.CheckboxItem>
);

function Radio(props: {
  label: string;
  value: string;
  items: readonly { readonly value: string; readonly label: string }[];
  onChange: (value: string) => void;
}) {
  return (
    <Ark.RadioItemGroup value={props.value} onValueChange={(details) => props.onChange(details.value)}>
      <Ark.ItemGroupLabel class="menu-label">{props.label}</Ark.ItemGroupLabel>
      <For each={props.items}>
        {(item) => (
          <Ark.RadioItem class="menu-item" value={item.value} closeOnSelect={false}>
            <Ark.ItemIndicator class="menu-mark">●</Ark.ItemIndicator>
            <Ark.ItemText>{item.label}</Ark.ItemText>
          </Ark.RadioItem>
        )}
      </For>
    </Ark.RadioItemGroup>
  );
}

const Separator = () => <Ark.Separator class="menu-separator" />;

export const Menu = { Root, Item, Link, Check, Radio, Separator };
