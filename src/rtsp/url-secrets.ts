import { decodePart } from '../infra/decode-part.ts';
import { REDACTED } from '../infra/redact.ts';
import { plainSource } from '../infra/source-policy.ts';

/** Returns a function that removes the credentials of this URL from a line: plain, percent-encoded or as Basic. */
export function withoutSecrets(url: string): (line: string) => string {
  const { username, password } = URL.parse(plainSource(url)) ?? { username: '', password: '' };
  const plain = decodePart(password);
  const basic = password === '' ? '' : Buffer.from(`${decodePart(username)}:${plain}`).toString('base64');
  const secrets = [url, plainSource(url), password, plain, `${username}:${password}@`, basic].filter(
    (secret) => secret.length > 2,
  );
  return (line) => secrets.reduce((clean, secret) => clean.replaceAll(secret, REDACTED), line);
}
