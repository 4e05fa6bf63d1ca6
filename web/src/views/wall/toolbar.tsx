/** Search, group, order, number of tiles, saved layouts. */
import { createSignal, Show } from 'solid-js';
import { may } from '../../api/session.ts';
import { cameraIds, groupNames } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Select } from '../../parts/select.tsx';
import { Switch } from '../../parts/switch.tsx';
import { LayoutsDialog } from './layouts-dialog.tsx';
import { ORDERS, SIZES } from './wall-choice.ts';
import type { WallModel } from './wall-model.ts';

/** In front of the names of groups and layouts, so that none of them is taken for another choice. */
const ALL = '*';
const FIXED = 'fixed ';

export function Toolbar(props: { model: WallModel; onAdd: () => void }) {
  const [layoutsOpen, setLayoutsOpen] = createSignal(false);
  const choice = () => props.model.choice();
  const orders = () => [
    ...ORDERS.map((order) => ({ value: order, label: t(`wall.orders.${order}`) })),
    ...choice().layouts.map(({ name }) => ({ value: FIXED + name, label: t('wall.fixedLayout', { name }) })),
  ];
  const order = (): string => {
    const { layout } = choice();
    return layout === null ? choice().order : FIXED + layout;
  };
  const setOrder = (value: string): void => {
    if (value.startsWith(FIXED)) props.model.change({ layout: value.slice(FIXED.length) });
    else props.model.change({ layout: null, order: value === 'danger' ? 'danger' : 'name' });
  };
  return (
    <div class="wall-tools">
      <input
        type="search"
        class="wall-search"
        aria-label={t('wall.search')}
        placeholder={t('wall.search')}
        value={props.model.search()}
        onInput={(event) => props.model.setSearch(event.currentTarget.value)}
      />
      <Show when={groupNames().length > 0}>
        <Select
          label={t('wall.group')}
          labelHidden
          name="group"
          value={choice().group ?? ALL}
          options={[
            { value: ALL, label: t('wall.allGroups') },
            ...groupNames().map((name) => ({ value: `${FIXED}${name}`, label: name })),
          ]}
          onChange={(value) => props.model.change({ group: value === ALL ? null : value.slice(FIXED.length) })}
        />
      </Show>
      <Select label={t('wall.order')} labelHidden name="order" value={order()} options={orders()} onChange={setOrder} />
      <Select
        label={t('wall.size')}
        labelHidden
        name="size"
        value={choice().size}
        options={SIZES.map((size) => ({ value: size, label: t(`wall.sizes.${size}`) }))}
        onChange={(value) => props.model.change({ size: SIZES.find((size) => size === value) ?? 'fit' })}
      />
      <Switch
        label={t('wall.busyOnly')}
        name="busy"
        checked={choice().busyOnly}
        onChange={(busyOnly) => props.model.change({ busyOnly })}
      />
      <Button onClick={() => setLayoutsOpen(true)}>{t('wall.layouts')}</Button>
      <span class="wall-count muted" role="status">
        <Show when={props.model.shown().length !== cameraIds().length}>
          {t('wall.shown', { shown: props.model.shown().length, all: cameraIds().length })}
        </Show>
      </span>
      <Show when={may('admin')}>
        <Button look="primary" id="add-camera" onClick={() => props.onAdd()}>
          {t('wall.add')}
        </Button>
      </Show>
      <LayoutsDialog model={props.model} open={layoutsOpen()} onOpenChange={setLayoutsOpen} />
    </div>
  );
}
