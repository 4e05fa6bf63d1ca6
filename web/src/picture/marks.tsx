import { For } from 'solid-js';
import type { Aggregate } from '../../../src/messages/aggregate.ts';
import { marks } from './risk.ts';

/** The marks of a frame's verdict, e.g. `disputed`. */
export const Marks = (props: { aggregate: Aggregate | null | undefined }) => (
  <For each={props.aggregate ? marks(props.aggregate) : []}>
    {(mark) => (
      <span class="mark" title={mark.title}>
        {mark.name}
      </span>
    )}
  </For>
);
