/** An alarm in words. */
import type { Alarm } from '../../../src/messages/alarm.ts';
import { nameOf } from '../feed/cameras.ts';
import { t } from '../i18n/index.ts';
import { nameOfKind } from './incidents.ts';

/** Cameras that are named; the rest is counted. */
const MOST_NAMED = 3;

/** Kinds of an alarm; of one about groups only, that. */
export const alarmKinds = ({ kinds }: Pick<Alarm, 'kinds'>): string =>
  kinds.length === 0 ? t('alerts.noKind') : kinds.map(nameOfKind).join(', ');

export function alarmCameras({ cameraIds, cameras }: Pick<Alarm, 'cameraIds' | 'cameras'>): string {
  const named = cameraIds.slice(0, MOST_NAMED).map(nameOf).join(', ');
  const more = Math.max(cameras, cameraIds.length) - Math.min(cameraIds.length, MOST_NAMED);
  return more > 0 ? t('alerts.moreCameras', { named, more }) : named;
}

export const alarmText = (alarm: Alarm): string => `${alarmKinds(alarm)}, ${alarmCameras(alarm)}`;
