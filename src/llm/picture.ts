import type { AssessmentTask } from '../messages/task.ts';
import type { Language } from './language.ts';

/** A picture of a call. */
export interface Picture {
  readonly jpeg: Uint8Array;
  /** The words before it, sent when a call has several pictures. */
  readonly caption: string;
}

/** The group as an earlier frame shows it. */
export interface EarlierPicture {
  readonly jpeg: Uint8Array;
  /** The earlier frame's, ISO 8601. */
  readonly timestamp: string;
}

/** The words before the pictures; `{n}` is the picture's place, `{s}` its age in seconds. */
export const CAPTIONS: Readonly<Record<Language, { readonly now: string; readonly earlier: string }>> = {
  en: {
    now: 'Picture 1: now. Judge this one; the figures and ids are its own.',
    earlier: 'Picture {n}: the same place {s} s before, to see what moves. Road users may have other numbers here.',
  },
  zh: {
    now: '图1：当前画面。请评估这一张，数据和 id 均属于它。',
    earlier: '图{n}：同一地点在 {s} 秒之前的画面，用于观察运动；其中的编号可能与图1不同。',
  },
};

/** The pictures of a call: that of the task first, then the earlier ones, each with its age in words. */
export function picturesOf(
  { timestamp }: Pick<AssessmentTask, 'timestamp'>,
  jpeg: Uint8Array,
  earlier: readonly EarlierPicture[],
  language: Language,
): readonly Picture[] {
  const { now, earlier: before } = CAPTIONS[language];
  const at = Date.parse(timestamp);
  return [
    { jpeg, caption: now },
    ...earlier.map((moment, index) => ({
      jpeg: moment.jpeg,
      caption: before
        .replace('{n}', String(index + 2))
        .replace('{s}', (Math.max(0, at - Date.parse(moment.timestamp)) / 1_000).toFixed(1)),
    })),
  ];
}
