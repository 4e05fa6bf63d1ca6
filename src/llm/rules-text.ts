import type { Language } from './language.ts';

/** The findings of the rules. */
export type FindingKind =
  | 'person-near-fast-vehicle'
  | 'vehicle-closing-on-person'
  | 'person-near-vehicle'
  | 'vehicles-closing'
  | 'close-following'
  | 'dense-traffic';

/** Figures that a description may quote, in px of the frame and px/s. */
export interface FindingFigures {
  readonly distance: number;
  readonly speed: number;
  readonly closing: number;
  readonly count: number;
}

const TYPE: Readonly<Record<Language, Readonly<Record<FindingKind, string>>>> = {
  en: {
    'person-near-fast-vehicle': 'person close to fast vehicle',
    'vehicle-closing-on-person': 'vehicle closing on person',
    'person-near-vehicle': 'person near vehicle',
    'vehicles-closing': 'vehicles closing on each other',
    'close-following': 'following too closely',
    'dense-traffic': 'dense traffic',
  },
  zh: {
    'person-near-fast-vehicle': '行人靠近快速车辆',
    'vehicle-closing-on-person': '车辆逼近行人',
    'person-near-vehicle': '行人靠近车辆',
    'vehicles-closing': '车辆相互逼近',
    'close-following': '跟车过近',
    'dense-traffic': '交通密集',
  },
};

const DESCRIPTION: Readonly<Record<Language, Readonly<Record<FindingKind, (figures: FindingFigures) => string>>>> = {
  en: {
    'person-near-fast-vehicle': ({ distance, speed }) =>
      `A person is ${distance} px from a vehicle that moves at ${speed} px/s.`,
    'vehicle-closing-on-person': ({ distance, closing }) =>
      `A vehicle closes on a person at ${closing} px/s, ${distance} px away.`,
    'person-near-vehicle': ({ distance }) => `A person is ${distance} px from a vehicle.`,
    'vehicles-closing': ({ distance, closing }) =>
      `Two vehicles close on each other at ${closing} px/s, ${distance} px apart.`,
    'close-following': ({ distance, speed }) => `A vehicle follows another at ${speed} px/s, ${distance} px behind.`,
    'dense-traffic': ({ count }) => `${count} vehicles stand or move close together.`,
  },
  zh: {
    'person-near-fast-vehicle': ({ distance, speed }) => `行人距一辆以 ${speed} 像素/秒行驶的车辆仅 ${distance} 像素。`,
    'vehicle-closing-on-person': ({ distance, closing }) =>
      `一辆车正以 ${closing} 像素/秒逼近行人，相距 ${distance} 像素。`,
    'person-near-vehicle': ({ distance }) => `行人距车辆 ${distance} 像素。`,
    'vehicles-closing': ({ distance, closing }) => `两辆车正以 ${closing} 像素/秒相互逼近，相距 ${distance} 像素。`,
    'close-following': ({ distance, speed }) => `一辆车以 ${speed} 像素/秒跟随前车，仅隔 ${distance} 像素。`,
    'dense-traffic': ({ count }) => `${count} 辆车密集行驶或停留。`,
  },
};

const NOTHING: Readonly<Record<Language, string>> = { en: 'Nothing unusual.', zh: '未见异常。' };

export const riskTypeText = (language: Language, kind: FindingKind): string => TYPE[language][kind];
export const nothingText = (language: Language): string => NOTHING[language];

export function describeFinding(language: Language, kind: FindingKind, figures: FindingFigures): string {
  const { distance, speed, closing, count } = figures;
  return DESCRIPTION[language][kind]({
    distance: Math.round(distance),
    speed: Math.round(speed),
    closing: Math.round(closing),
    count,
  });
}
