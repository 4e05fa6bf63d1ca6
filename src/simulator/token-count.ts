/** Width and height in px. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** Side in px of the square that is one token of a picture, as Qwen-VL counts. */
const PATCH = 28;
/** Each picture is enclosed by two marks. */
const PICTURE_MARKS = 2;
/** ASCII characters of a token, as in English text and JSON. */
const ASCII_PER_TOKEN = 4;

/** Tokens of a picture: each side is rounded to whole patches, one at least. */
export const pictureTokens = ({ width, height }: PictureSize): number =>
  Math.max(1, Math.round(width / PATCH)) * Math.max(1, Math.round(height / PATCH)) + PICTURE_MARKS;

/** Tokens of a text, estimated: four ASCII characters are one, and every other character is one. */
export function textTokens(text: string): number {
  let others = 0;
  for (const character of text) if (character > '\u007f') others += 1;
  return Math.ceil((text.length - others) / ASCII_PER_TOKEN) + others;
}
