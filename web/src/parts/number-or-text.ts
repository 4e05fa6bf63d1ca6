/** A number that was typed. Other text stays as it is: the server refuses it, and says why. */
export function numberOrText(typed: string): number | string {
  const text = typed.trim();
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}
