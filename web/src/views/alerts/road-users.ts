/** Names of road users. */
import type { Aggregate } from '../../../../src/messages/aggregate.ts';
import { OBJECT_CLASSES } from '../../../../src/messages/scene-constants.ts';
import { t } from '../../i18n/index.ts';

/** A class of a detector in words. */
export function className(name: string): string {
  const known = OBJECT_CLASSES.find((each) => each === name);
  return known === undefined ? t('alerts.class.unknown') : t(`alerts.class.${known}`);
}

/** A road user of a frame by its track; one that the frame lacks is a road user too. */
export const trackName = ({ detectedObjects }: Pick<Aggregate, 'detectedObjects'>, trackId: number): string =>
  `${className(detectedObjects.find((object) => object.trackId === trackId)?.class ?? '')} #${trackId}`;
