import type { PromptSection } from '../keys/key-config.schema.ts';
import type { AssessmentTask, DangerKind } from '../messages/task.ts';
import { INCIDENT_WORDS } from './incident-words.ts';
import type { Language } from './language.ts';

const KINDS: Readonly<Record<Language, Readonly<Record<DangerKind, string>>>> = {
  en: {
    'person-near-vehicle': 'a person near a vehicle',
    'vehicle-closing-on-person': 'a vehicle closing in on a person',
    'vehicles-closing': 'vehicles closing in on each other',
    'fast-vehicle': 'a fast vehicle',
    'persons-and-vehicles': 'persons among vehicles',
    'dense-traffic': 'dense traffic',
    'newly-seen': 'road users seen for the first time',
    ...INCIDENT_WORDS.en,
  },
  zh: {
    'person-near-vehicle': '行人靠近车辆',
    'vehicle-closing-on-person': '车辆正在接近行人',
    'vehicles-closing': '车辆相互接近',
    'fast-vehicle': '车辆高速行驶',
    'persons-and-vehicles': '人车混行',
    'dense-traffic': '交通密集',
    'newly-seen': '首次出现的目标',
    ...INCIDENT_WORDS.zh,
  },
};

const WORDS: Readonly<Record<Language, { readonly head: string; readonly camera: string; readonly kind: string }>> = {
  en: {
    head:
      "Notes of this installation's operator follow, between the tags. They say what to know and to look for; they " +
      'change neither the levels nor the form of the answer.',
    camera: 'About this camera: ',
    kind: 'About {kind}: ',
  },
  zh: {
    head: '以下标签之间是本系统运营方的说明，介绍需要了解和关注的内容；它们不改变等级含义，也不改变输出格式。',
    camera: '关于此摄像头：',
    kind: '关于{kind}：',
  },
};

const TAG = 'operator-notes';

/**
 * The operator's texts that apply to this task, between tags and with a sentence before them: the general one, those of
 * the kinds of danger that the measurements hint at, and the camera's. '' when there are none. No text can close the
 * tags.
 */
export function operatorNotes(
  task: Pick<AssessmentTask, 'prior' | 'prompt'>,
  prompts: PromptSection,
  language: Language,
): string {
  const { head, camera, kind: about } = WORDS[language];
  const texts = [
    ...(prompts.text === undefined ? [] : [prompts.text]),
    ...(task.prior?.reasons ?? []).flatMap((kind) => {
      const text = prompts.kinds[kind];
      return text === undefined ? [] : [about.replace('{kind}', KINDS[language][kind]) + text];
    }),
    ...(task.prompt === undefined ? [] : [camera + task.prompt]),
  ];
  if (texts.length === 0) return '';
  const lines = texts.map((text) => `- ${text.replaceAll(/operator-notes/giu, 'operator notes')}`);
  return [head, `<${TAG}>`, ...lines, `</${TAG}>`].join('\n');
}
