/** A user, password or other part of a URL without its %XX; as it stands when a % in it begins no escape. */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
