/** The frame of an alert with its boxes, and the cut-outs of its subjects. */
import { createEffect, createSignal, For, on, onCleanup, onMount, Show } from 'solid-js';
import type { AlertRecord } from '../../../../src/http/schemas/alert-record-schema.ts';
import type { Aggregate } from '../../../../src/messages/aggregate.ts';
import { showPicture } from '../../api/request.ts';
import { preferences } from '../../app/preferences.ts';
import { nameOf } from '../../feed/cameras.ts';
import { language, t } from '../../i18n/index.ts';
import { kindName } from '../../picture/incidents.ts';
import { draw } from '../../picture/overlay.ts';
import { dayTime } from '../../picture/words.ts';
import { className } from './road-users.ts';

const MOST_CROPS = 8;

export function AlertPicture(props: { alert: Aggregate }) {
  let image: HTMLImageElement | undefined;
  let canvas: HTMLCanvasElement | undefined;
  const [state, setState] = createSignal<'loading' | 'shown' | 'gone'>('loading');
  const paint = (): void => {
    if (canvas !== undefined) draw(canvas, withClosed(props.alert));
  };
  onMount(() => {
    if (canvas === undefined) return;
    const observer = new ResizeObserver(paint);
    observer.observe(canvas);
    onCleanup(() => observer.disconnect());
  });
  createEffect(
    on(
      () => props.alert.imageId,
      (imageId) => {
        setState('loading');
        if (imageId === null || image === undefined) {
          setState('gone');
          return;
        }
        showPicture(imageId, image).then(
          () => {
            if (props.alert.imageId === imageId) setState('shown');
          },
          () => {
            if (props.alert.imageId === imageId) setState('gone');
          },
        );
      },
    ),
  );
  createEffect(on([() => props.alert, language, () => preferences().theme, state], paint));
  const label = (): string =>
    t('alerts.pictureAlt', {
      camera: nameOf(props.alert.cameraId),
      time: dayTime(props.alert.timestamp),
      objects: [
        ...props.alert.incidents.map(kindName),
        ...props.alert.detectedObjects.map((object) => `${className(object.class)} #${object.trackId}`),
      ].join(', '),
    });
  return (
    <div
      class="alert-picture"
      data-state={state()}
      style={{ 'aspect-ratio': `${props.alert.imageWidth} / ${props.alert.imageHeight}` }}
    >
      <img ref={image} alt="" classList={{ gone: state() !== 'shown' }} />
      <canvas ref={canvas} role="img" aria-label={label()} />
      <Show when={state() === 'gone'}>
        <p class="picture-note">{t('alerts.pictureGone')}</p>
      </Show>
    </div>
  );
}

/** An incident that ended in this frame is drawn too: the alert is about it. */
const withClosed = (alert: Aggregate): Aggregate => ({
  ...alert,
  incidents: alert.incidents.map((incident) => ({ ...incident, state: 'open' })),
});

/** Cut-outs of groups and incidents; those that are no longer kept are left out. */
export function AlertCrops(props: { pictures: AlertRecord['pictures'] }) {
  const ids = () => [
    ...new Set(
      props.pictures.flatMap(({ imageId, groupId, incidentId }) =>
        groupId === null && incidentId === null ? [] : [imageId],
      ),
    ),
  ];
  return (
    <ul class="alert-crops" aria-label={t('alerts.crops')}>
      <For each={ids().slice(0, MOST_CROPS)}>
        {(imageId, index) => <Crop imageId={imageId} label={t('alerts.cropOf', { index: index() + 1 })} />}
      </For>
    </ul>
  );
}

function Crop(props: { imageId: string; label: string }) {
  const [gone, setGone] = createSignal(true);
  return (
    <li classList={{ hidden: gone() }}>
      <img
        alt={props.label}
        ref={(image) =>
          createEffect(() => {
            showPicture(props.imageId, image).then(
              () => setGone(false),
              () => setGone(true),
            );
          })
        }
      />
    </li>
  );
}
