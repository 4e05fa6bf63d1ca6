const KEPT_LINES = 5;
const MAX_LINE = 300;

/** The last words of an ffmpeg, bounded, with the URL's credentials taken out. */
export class StderrTail {
  readonly #secrets: readonly string[];
  readonly #lines: string[] = [];

  constructor(url: string) {
    const { username, password } = URL.canParse(url) ? new URL(url) : { username: '', password: '' };
    this.#secrets = [url, password, safeDecode(password), `${username}:${password}@`].filter((secret) => secret.length > 2);
  }

  push(chunk: Uint8Array): void {
    for (const line of Buffer.from(chunk).toString('utf8').split('\n')) if (line.trim() !== '') this.note(line);
  }

  note(line: string): void {
    let clean = line.trim().slice(0, 4 * MAX_LINE);
    for (const secret of this.#secrets) clean = clean.replaceAll(secret, '***');
    this.#lines.push(clean.slice(0, MAX_LINE));
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }

  /** One line that says why it ended. */
  reason(): string {
    return this.#lines.at(-1) ?? 'the stream ended';
  }
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
