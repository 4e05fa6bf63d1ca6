import { hashText, seededRandom } from './random.ts';

/** A model's answer in the flat shape. */
export interface SimulatedAnswer {
  readonly riskLevel: 'none' | 'low' | 'medium' | 'high';
  readonly confidence: number;
  readonly riskTypes: readonly string[];
  readonly description: string;
  readonly dangerObjectCount: number;
  readonly triggerObjectIds: readonly number[];
}

const figureOf = (name: string): ((text: string) => number | null) => {
  const pattern = new RegExp(`"${name}":(-?\\d+(?:\\.\\d+)?)`);
  return (text) => {
    const found = pattern.exec(text)?.[1];
    return found === undefined ? null : Number(found);
  };
};
const widthOf = figureOf('frame_width_px');
const nearestOf = figureOf('nearest_person_vehicle_px');
const speedOf = figureOf('max_speed_px_s');
const closingOf = figureOf('max_closing_speed_px_s');
const objectsOf = figureOf('objects_in_group');
/** Of a question about an incident. */
const MEASURED = /"event":"((?:[^"\\]|\\.){1,200})","measured_level":"(low|medium|high)"/;

const LEVELS = ['none', 'low', 'medium', 'high'] as const;
/** Shares of incidents of which the picture shows nothing dangerous, less, and more than was measured. */
const NOTHING_SHARE = 0.08;
const LESS_SHARE = 0.12;
const MORE_SHARE = 0.1;

/**
 * Answers the figures in a prompt roughly as a model would: near and fast is worse, and a measured incident is mostly
 * confirmed. A random part, drawn from seed and text, stands for the picture. The same text gets the same answer.
 */
export function simulateAnswer(text: string, seed: number): SimulatedAnswer {
  const random = seededRandom(hashText(text) ^ seed);
  const [, event, measured] = MEASURED.exec(text) ?? [];
  return event === undefined
    ? simulateJudge(text, random)
    : simulateWitness(
        text,
        event,
        LEVELS.findIndex((level) => level === measured),
        random,
      );
}

/** Of a group, by its figures in px. */
function simulateJudge(text: string, random: () => number): SimulatedAnswer {
  const width = widthOf(text) ?? 1280;
  const nearest = nearestOf(text);
  const near = nearest === null ? 0 : Math.max(0, 1 - nearest / (width * 0.1));
  const fast = Math.min(1, (speedOf(text) ?? 0) / (width * 0.25));
  const closing = Math.min(1, Math.max(0, closingOf(text) ?? 0) / (width * 0.2));
  const crowd = Math.min(1, (objectsOf(text) ?? 2) / 15);
  const score = 0.4 * near + 0.25 * closing + 0.15 * fast + 0.1 * crowd + 0.35 * random() ** 2;
  const riskLevel = score > 0.62 ? 'high' : score > 0.42 ? 'medium' : score > 0.22 ? 'low' : 'none';
  const ids = [...text.matchAll(/"id":(\d+)/g)].map((match) => Number(match[1]));
  const triggerObjectIds = riskLevel === 'none' ? [] : ids.slice(0, 2);
  const kind = near > 0.3 ? 'person' : closing > 0.3 ? 'closing' : 'crowd';
  const language = /[\u4e00-\u9fff]/.test(text) ? 'zh' : 'en';
  return {
    riskLevel,
    confidence: Math.round((0.55 + 0.4 * random()) * 100) / 100,
    riskTypes: riskLevel === 'none' ? [] : [TYPES[language][kind]],
    description: riskLevel === 'none' ? QUIET[language] : SCENES[language][kind],
    dangerObjectCount: triggerObjectIds.length,
    triggerObjectIds,
  };
}

/** @param measured index in {@link LEVELS} */
function simulateWitness(text: string, event: string, measured: number, random: () => number): SimulatedAnswer {
  const drawn = random();
  const less = drawn < NOTHING_SHARE ? measured : drawn < NOTHING_SHARE + LESS_SHARE ? 1 : 0;
  const riskLevel = LEVELS[Math.min(LEVELS.length - 1, measured - less + (drawn > 1 - MORE_SHARE ? 1 : 0))] ?? 'none';
  const ids = [...text.matchAll(/"id":(\d+)/g)].slice(0, 2).map((match) => Number(match[1]));
  const language = /[\u4e00-\u9fff]/.test(event) ? 'zh' : 'en';
  const isNothing = riskLevel === 'none';
  return {
    riskLevel,
    confidence: Math.round((0.55 + 0.4 * random()) * 100) / 100,
    riskTypes: isNothing ? [] : [event],
    description: isNothing ? QUIET[language] : SEEN[language].replace('{}', () => event),
    dangerObjectCount: isNothing ? 0 : ids.length,
    triggerObjectIds: isNothing ? [] : ids,
  };
}

const TYPES = {
  en: { person: 'person near vehicle', closing: 'too little distance', crowd: 'dense traffic' },
  zh: { person: '人车距离过近', closing: '车距不足', crowd: '交通密集' },
} as const;
const SCENES = {
  en: {
    person: 'A person is close to a vehicle.',
    closing: 'Two road users approach each other.',
    crowd: 'Road users are crowded together.',
  },
  zh: { person: '有行人靠近车辆。', closing: '两个目标正在相互接近。', crowd: '目标较为密集。' },
} as const;
const SEEN = { en: 'The picture shows {}.', zh: '画面显示{}。' } as const;
const QUIET = { en: 'Normal traffic.', zh: '交通正常。' } as const;
