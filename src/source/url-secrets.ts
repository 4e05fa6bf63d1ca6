import { REDACTED } from '../infra/redact.ts';

/** Takes the credentials of this URL out of a line, however they are written there. */
export function withoutSecrets(url: string): (line: string) => string {
  const { username, password } = URL.parse(url) ?? { username: '', password: '' };
  const secrets = [url, password, safeDecode(password), `${username}:${password}@`].filter(
    (secret) => secret.length > 2,
  );
  return (line) => secrets.reduce((clean, secret) => clean.replaceAll(secret, REDACTED), line);
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
