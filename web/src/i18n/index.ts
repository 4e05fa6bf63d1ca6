/** The texts of the page in the language of choice. */
import { flatten, resolveTemplate, translator } from '@solid-primitives/i18n';
import { createSignal } from 'solid-js';
import * as en from './en/index.ts';
import * as zh from './zh/index.ts';

export const LANGUAGES = ['en', 'zh'] as const;
export type Language = (typeof LANGUAGES)[number];

/** English decides the keys; each other language has the same ones, or the type check fails. */
export type Dictionary = typeof en;

const texts: Readonly<Record<Language, ReturnType<typeof flatten<Dictionary>>>> = {
  en: flatten({ ...en }),
  zh: flatten({ ...(zh satisfies Dictionary) }),
};

/** The language that the browser asks for, where the page has it. */
export const browserLanguage = (): Language => (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');

const [language, setLanguage] = createSignal<Language>(browserLanguage());
export { language, setLanguage };

/** A text by its key, e.g. `t('wall.title')`; placeholders `{{ name }}` are filled from the second argument. */
export const t = translator(() => texts[language()], resolveTemplate);

type Texts = ReturnType<typeof flatten<Dictionary>>;
/** A key of a text, as opposed to that of a group of texts. */
export type TextKey = { [K in keyof Texts]: Texts[K] extends string ? K : never }[keyof Texts];
