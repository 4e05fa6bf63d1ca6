/** A part of a URL (user, password) with its %XX decoded; unchanged when a % in it begins no escape. */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
