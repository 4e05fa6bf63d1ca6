/** The thresholds of events, with their defaults and bounds, as the API's schema has them. */
import { JITLESS } from './jitless.ts';
import { EventThresholds } from '../../../src/messages/event-thresholds.ts';
import { EVENT_KINDS, type EventKind } from '../../../src/messages/scene-constants.ts';
import type { scene as words } from '../i18n/en/scene.ts';

export type ThresholdName = keyof typeof words.threshold;
export type ThresholdUnit = keyof typeof words.unit;

export interface ThresholdField {
  readonly name: ThresholdName;
  readonly unit: ThresholdUnit;
  readonly default: number;
}

export interface KindThresholds {
  readonly kind: EventKind;
  /** All but `enabled`, which is true unless it is changed. */
  readonly fields: readonly ThresholdField[];
}

const UNITS = ['Kmh', 'Seconds', 'Mps2', 'Degrees', 'Metres', 'Ratio', 'Vehicles'] as const satisfies ThresholdUnit[];

/** Of all kinds of event, in the order of the API. */
export const THRESHOLDS: readonly KindThresholds[] = EVENT_KINDS.map((kind) => {
  const defaults = EventThresholds.shape[kind].parse({}, JITLESS);
  const fields = Object.entries(defaults).flatMap(([name, value]): ThresholdField[] => {
    const unit = UNITS.find((each) => name.endsWith(each));
    return typeof value === 'number' && unit !== undefined
      ? [{ name: name as ThresholdName, unit, default: value }]
      : [];
  });
  return { kind, fields };
});
