/** The size of the picture in which the points of the scene are given. */
import { Show } from 'solid-js';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { NumberField } from './scene-fields.tsx';
import { resized } from './scene-parts.ts';
import type { PanelProps } from './scene-parts-panel.tsx';
import { messageAbout } from './scene-problems.ts';

export function PicturePanel(
  props: PanelProps & { picture: { readonly width: number; readonly height: number } | null },
) {
  const { model } = props;
  const scene = () => model.scene();
  const differs = () => {
    const { picture } = props;
    return picture !== null && (picture.width !== scene().width || picture.height !== scene().height) ? picture : null;
  };
  return (
    <div class="form">
      <p class="hint">{t('scene.sizeHint')}</p>
      <NumberField
        name="width"
        label={t('scene.width')}
        value={scene().width}
        disabled={props.readOnly}
        error={messageAbout(model.problems(), 'width')}
        onChange={(width) => model.edit({ ...scene(), width: width ?? Number.NaN }, 'type width')}
      />
      <NumberField
        name="height"
        label={t('scene.height')}
        value={scene().height}
        disabled={props.readOnly}
        error={messageAbout(model.problems(), 'height')}
        onChange={(height) => model.edit({ ...scene(), height: height ?? Number.NaN }, 'type height')}
      />
      <Show when={!props.readOnly ? differs() : null}>
        {(size) => (
          <Button onClick={() => model.edit(resized(scene(), size().width, size().height))}>
            {t('scene.usePictureSize', { width: size().width, height: size().height })}
          </Button>
        )}
      </Show>
    </div>
  );
}
