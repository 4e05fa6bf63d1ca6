/**
 * Control characters, line and paragraph separators, and characters that change the direction of writing. In a log or
 * on a terminal they can forge lines, colours or the order of words.
 */
// eslint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;

/** The text as one harmless line: characters that control a terminal become `\xNN` or `\uNNNN`. */
export const printable = (text: string): string => text.toWellFormed().replace(UNPRINTABLE, escaped);

function escaped(character: string): string {
  const code = character.charCodeAt(0).toString(16);
  return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u${code.padStart(4, '0')}`;
}
