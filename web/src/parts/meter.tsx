import { Show } from 'solid-js';

/** A bar for people who see it; its numbers stand beside it. Nothing where `max` is 0. */
export const Meter = (props: { label: string; value: number; max: number }) => (
  <Show when={props.max > 0}>
    <meter
      aria-label={props.label}
      min={0}
      max={props.max}
      high={props.max * 0.9}
      optimum={0}
      value={Math.min(props.value, props.max)}
    />
  </Show>
);
