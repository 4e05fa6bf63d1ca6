import { Switch as Ark } from '@ark-ui/solid/switch';

/** On or off. */
export const Switch = (props: {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
  name?: string;
}) => (
  <Ark.Root
    class="switch"
    checked={props.checked}
    disabled={props.disabled === true}
    onCheckedChange={(details) => props.onChange(details.checked)}
  >
    <Ark.Control class="switch-track">
      <Ark.Thumb class="switch-thumb" />
    </Ark.Control>
    <Ark.Label>{props.label}</Ark.Label>
    <Ark.HiddenInput data-name={props.name} />
  </Ark.Root>
);
