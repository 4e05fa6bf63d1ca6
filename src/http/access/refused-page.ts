import type { OidcErrorCode } from '../../oidc/oidc-error.ts';

export type PageLanguage = 'en' | 'zh';

/** Sentences for people; `{at}` is the name of the provider, `{who}` that of the person. */
const SENTENCES: Readonly<Record<OidcErrorCode, Readonly<Record<PageLanguage, string>>>> = {
  OIDC_UNREACHABLE: {
    en: '{at} cannot be reached now. Try again in a moment, or sign in with a password.',
    zh: '现在无法连接 {at}。请稍后重试，或使用密码登录。',
  },
  OIDC_FAILED: {
    en: '{at} did not answer as it should. Tell an administrator: the reason is in the log of Gantry.',
    zh: '{at} 的应答不符合要求。请告知管理员：原因见 Gantry 的日志。',
  },
  OIDC_DENIED: {
    en: '{at} refused the sign-in, or it was cancelled there.',
    zh: '{at} 拒绝了登录，或登录已被取消。',
  },
  OIDC_NO_ROLE: {
    en: '{at} knows {who}, but {who} has no role in Gantry. Ask an administrator for one.',
    zh: '{at} 认识 {who}，但 {who} 在 Gantry 中没有角色。请向管理员申请。',
  },
  OIDC_NOT_A_USER: {
    en: '{at} knows {who}, but that is nobody here, or somebody who signs in otherwise. Ask an administrator.',
    zh: '{at} 认识 {who}，但此处没有该用户，或该用户使用其他方式登录。请联系管理员。',
  },
  OIDC_STALE: {
    en: 'The sign-in took too long, was done already, or began in another browser. Begin again.',
    zh: '登录用时过长、已完成，或是在另一个浏览器中开始的。请重新登录。',
  },
};
const HEADINGS: Readonly<Record<PageLanguage, readonly [title: string, back: string]>> = {
  en: ['You are not signed in', 'Back to the sign-in'],
  zh: ['未登录', '返回登录'],
};

/** The first language that the browser names counts. */
export const languageOf = (acceptLanguage: string | undefined): PageLanguage =>
  /^\s*zh\b/iu.test((acceptLanguage ?? '').slice(0, 100)) ? 'zh' : 'en';

/** A page that says why somebody could not be signed in, and leads back. Needs no script and no style. */
export function refusedPage(
  code: OidcErrorCode,
  { at, who, language, basePath }: { at: string; who: string; language: PageLanguage; basePath: string },
): string {
  const [title, back] = HEADINGS[language];
  const sentence = SENTENCES[code][language]
    .replaceAll('{at}', () => escaped(at))
    .replaceAll('{who}', () => escaped(who));
  return `<!doctype html>
<html lang="${language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title} · Gantry</title></head>
<body><main><h1>${title}</h1><p>${sentence}</p><p><a href="${basePath}/">${back}</a></p></main></body>
</html>
`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replaceAll(/[&<>"']/gu, (sign) => ESCAPES[sign] ?? '');
