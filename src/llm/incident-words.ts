import type { Evidence, MeasuredIncident } from '../messages/incident.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import type { Language } from './language.ts';

/** The kinds of incident in a few words. */
export const INCIDENT_WORDS: Readonly<Record<Language, Readonly<Record<EventKind, string>>>> = {
  en: {
    collision: 'a collision',
    'near-miss': 'a near miss of two vehicles',
    'near-miss-person': 'a near miss of a vehicle and a person',
    'wrong-way': 'a vehicle driving the wrong way',
    'stopped-vehicle': 'a vehicle stopped on the carriageway',
    'illegal-stop': 'a vehicle stopped in a no-stopping zone',
    'person-on-road': 'a person on the carriageway',
    'shoulder-use': 'a vehicle driving on the shoulder',
    speeding: 'a vehicle over the speed limit',
    tailgating: 'a vehicle following too closely',
    'hard-braking': 'a vehicle braking hard',
    queue: 'a queue of vehicles',
    'u-turn': 'a vehicle making a U-turn',
  },
  zh: {
    collision: '发生碰撞',
    'near-miss': '两车险些相撞',
    'near-miss-person': '车辆险些撞到行人',
    'wrong-way': '车辆逆行',
    'stopped-vehicle': '车辆停在行车道上',
    'illegal-stop': '车辆停在禁停区',
    'person-on-road': '行人在行车道上',
    'shoulder-use': '车辆在路肩上行驶',
    speeding: '车辆超速',
    tailgating: '跟车过近',
    'hard-braking': '车辆急刹',
    queue: '车辆排队',
    'u-turn': '车辆掉头',
  },
};

type Number = keyof Evidence;

/** The numbers of an incident in words, in the order in which a sentence names them. `{}` is the number. */
const NUMBERS: Readonly<Record<Language, Readonly<Record<Number, string>>>> = {
  en: {
    ttc: 'least time to collision {} s',
    pet: '{} s between the one leaving and the other arriving',
    distanceM: 'least distance {} m',
    speedKmh: '{} km/h',
    limitKmh: 'limit {} km/h',
    decelerationMps2: 'braking at {} m/s²',
    neededDecelerationMps2: '{} m/s² needed to stop in time',
    headwayS: '{} s behind the one in front',
    degrees: '{} degrees',
    vehicles: '{} vehicles',
    lengthM: '{} m long',
    durationS: 'for {} s',
  },
  zh: {
    ttc: '最小碰撞时间 {} 秒',
    pet: '先后通过的时间差 {} 秒',
    distanceM: '最近距离 {} 米',
    speedKmh: '{} 公里/小时',
    limitKmh: '限速 {} 公里/小时',
    decelerationMps2: '减速度 {} 米/秒²',
    neededDecelerationMps2: '及时停下所需减速度 {} 米/秒²',
    headwayS: '车头时距 {} 秒',
    degrees: '{} 度',
    vehicles: '{} 辆车',
    lengthM: '长 {} 米',
    durationS: '持续 {} 秒',
  },
};

const WORDS: Readonly<Record<Language, { zone: string; comma: string; estimated: string; end: string }>> = {
  en: { zone: ' in zone {}', comma: ', ', estimated: ' (metres estimated)', end: '.' },
  zh: { zone: '（区域 {}）', comma: '，', estimated: '（距离为估计值）', end: '。' },
};

const tenths = (value: number): string => String(Math.round(value * 10) / 10);

/** An incident in one sentence: its kind, its zone, and the numbers that were measured, with units. */
export function describeIncident(
  { kind, zone, evidence, calibrated }: Pick<MeasuredIncident, 'kind' | 'zone' | 'evidence' | 'calibrated'>,
  language: Language,
): string {
  const words = WORDS[language];
  const numbers = Object.entries(NUMBERS[language]).flatMap(([name, text]) => {
    const value = evidence[name as Number];
    return value === null ? [] : [text.replace('{}', tenths(value))];
  });
  const head = INCIDENT_WORDS[language][kind] + (zone === null ? '' : words.zone.replace('{}', () => zone));
  const sentence = [head, ...numbers].join(words.comma) + (calibrated ? '' : words.estimated) + words.end;
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
