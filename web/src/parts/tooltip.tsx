import { Tooltip as Ark } from '@ark-ui/solid/tooltip';
import type { ParentProps } from 'solid-js';
import { Portal } from 'solid-js/web';

/** Words about a short mark, on hover and on focus. The trigger is a button without an action of its own. */
export function Tooltip(props: ParentProps<{ text: string; class?: string }>) {
  return (
    <Ark.Root openDelay={300} closeDelay={100} lazyMount unmountOnExit>
      <Ark.Trigger class={`tooltip-mark ${props.class ?? ''}`} type="button">
        {props.children}
      </Ark.Trigger>
      <Portal>
        <Ark.Positioner>
          <Ark.Content class="tooltip">{props.text}</Ark.Content>
        </Ark.Positioner>
      </Portal>
    </Ark.Root>
  );
}
