/** The filters of the list of alerts. */
import { createEffect, createMemo, createSignal, on, onCleanup, Show } from 'solid-js';
import { EVENT_KINDS } from '../../../../src/messages/scene-constants.ts';
import { cameraIds, groupNames, nameOf } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Combobox } from '../../parts/combobox.tsx';
import { DateRange } from '../../parts/date-range.tsx';
import { Select } from '../../parts/select.tsx';
import { nameOfKind } from '../../picture/incidents.ts';
import { levelName } from '../../picture/risk.ts';
import { type AlertChoice, chosenFilters, LEVELS, readAlertChoice, STATES, VERDICTS } from './alert-choice.ts';

/** The list follows what is typed after this pause. */
const TYPED_MS = 300;
/** In front of the names of groups, so that none of them is taken for "any". */
const NAMED = '=';
const ANY = '*';

export interface AlertFiltersProps {
  readonly choice: AlertChoice;
  readonly onChange: (change: Partial<AlertChoice>) => void;
}

export function AlertFilters(props: AlertFiltersProps) {
  const [open, setOpen] = createSignal(false);
  return (
    <div class="alert-filters">
      <div class="row">
        <TextFilter choice={props.choice} onChange={props.onChange} />
        <Button aria-expanded={open()} aria-controls="alert-filters" onClick={() => setOpen(!open())}>
          {t('alerts.filter.open', { count: chosenFilters(props.choice) })}
        </Button>
        <Show when={chosenFilters(props.choice) > 0}>
          <Button look="quiet" onClick={() => props.onChange(readAlertChoice({}))}>
            {t('alerts.filter.clear')}
          </Button>
        </Show>
      </div>
      <Show when={open()}>
        <Conditions choice={props.choice} onChange={props.onChange} />
      </Show>
    </div>
  );
}

function TextFilter(props: AlertFiltersProps) {
  const [typed, setTyped] = createSignal('');
  let timer: ReturnType<typeof setTimeout> | undefined;
  createEffect(on(() => props.choice.text, setTyped));
  onCleanup(() => clearTimeout(timer));
  return (
    <input
      type="search"
      class="alert-search"
      aria-label={`${t('alerts.filter.text')}: ${t('alerts.filter.textHint')}`}
      placeholder={t('alerts.filter.textHint')}
      maxlength={200}
      value={typed()}
      onInput={(event) => {
        const text = event.currentTarget.value;
        setTyped(text);
        clearTimeout(timer);
        timer = setTimeout(() => props.onChange({ text: text.trim() }), TYPED_MS);
      }}
    />
  );
}

function Conditions(props: AlertFiltersProps) {
  const cameras = createMemo(() => cameraIds().map((id) => ({ value: id, label: nameOf(id) })));
  return (
    <fieldset id="alert-filters" class="alert-conditions">
      <legend class="hidden">{t('alerts.filter.title')}</legend>
      <Combobox
        label={t('alerts.filter.camera')}
        name="filter-camera"
        multiple
        options={cameras()}
        values={props.choice.cameraIds}
        onChange={(values) => props.onChange({ cameraIds: values })}
      />
      <Show when={groupNames().length > 0}>
        <Select
          label={t('alerts.filter.group')}
          name="filter-group"
          value={props.choice.group === '' ? ANY : NAMED + props.choice.group}
          options={[
            { value: ANY, label: t('alerts.filter.any') },
            ...groupNames().map((name) => ({ value: NAMED + name, label: name })),
          ]}
          onChange={(value) => props.onChange({ group: value === ANY ? '' : value.slice(NAMED.length) })}
        />
      </Show>
      <Combobox
        label={t('alerts.filter.kind')}
        name="filter-kind"
        multiple
        options={EVENT_KINDS.map((kind) => ({ value: kind, label: nameOfKind(kind) }))}
        values={props.choice.kinds}
        onChange={(values) => props.onChange({ kinds: EVENT_KINDS.filter((kind) => values.includes(kind)) })}
      />
      <OneOf
        label={t('alerts.filter.level')}
        name="filter-level"
        known={LEVELS}
        values={props.choice.levels}
        text={levelName}
        onChange={(levels) => props.onChange({ levels })}
      />
      <OneOf
        label={t('alerts.filter.state')}
        name="filter-state"
        known={STATES}
        values={props.choice.states}
        text={(state) => t(`alerts.state.${state}`)}
        onChange={(states) => props.onChange({ states })}
      />
      <OneOf
        label={t('alerts.filter.verdict')}
        name="filter-verdict"
        known={VERDICTS}
        values={props.choice.verdicts}
        text={(verdict) => t(`alerts.verdict.${verdict}`)}
        onChange={(verdicts) => props.onChange({ verdicts })}
      />
      <DateRange
        label={t('alerts.filter.days')}
        from={props.choice.from}
        to={props.choice.to}
        onChange={(from, to) => props.onChange({ from, to })}
      />
    </fieldset>
  );
}

/** A filter with one value at most here; an address may hold several, which are then one more option. */
const OneOf = <T extends string>(props: {
  label: string;
  name: string;
  known: readonly T[];
  values: readonly T[];
  text: (value: T) => string;
  onChange: (values: readonly T[]) => void;
}) => (
  <Select
    label={props.label}
    name={props.name}
    value={props.values.length === 0 ? ANY : props.values.join(',')}
    options={[
      { value: ANY, label: t('alerts.filter.any') },
      ...props.known.map((value) => ({ value, label: props.text(value) })),
      ...(props.values.length > 1
        ? [{ value: props.values.join(','), label: props.values.map(props.text).join(', ') }]
        : []),
    ]}
    onChange={(value) => {
      const found = props.known.filter((each) => each === value);
      if (value === ANY || found.length > 0) props.onChange(found);
    }}
  />
);
