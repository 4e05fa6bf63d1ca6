import { Slider as Ark } from '@ark-ui/solid/slider';

/** A number of a range. */
export const Slider = (props: {
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  onChange: (value: number) => void;
  /** Default: the number. */
  valueText?: (value: number) => string;
}) => (
  <Ark.Root
    class="slider"
    value={[props.value]}
    min={props.min}
    max={props.max}
    step={props.step}
    onValueChange={(details) => {
      const [value] = details.value;
      if (value !== undefined) props.onChange(value);
    }}
    aria-label={[props.label]}
    getAriaValueText={({ value }) => props.valueText?.(value) ?? String(value)}
  >
    <div class="slider-head">
      <Ark.Label>{props.label}</Ark.Label>
      <span class="muted">{props.valueText?.(props.value) ?? props.value}</span>
    </div>
    <Ark.Control class="slider-control">
      <Ark.Track class="slider-track">
        <Ark.Range class="slider-range" />
      </Ark.Track>
      <Ark.Thumb index={0} class="slider-thumb">
        <Ark.HiddenInput />
      </Ark.Thumb>
    </Ark.Control>
  </Ark.Root>
);
