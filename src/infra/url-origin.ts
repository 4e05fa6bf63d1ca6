/**
 * Scheme, host and port of a web address, and `/…` where more follows: webhooks and signed pictures carry secrets in
 * their paths and queries, and no rule tells them apart from the rest. `(no URL)` for any other text.
 */
export function urlOrigin(url: string): string {
  const parsed = URL.parse(url.slice(0, 4_096));
  if (parsed === null || parsed.host === '') return '(no URL)';
  const more = parsed.pathname.length > 1 || parsed.search !== '' || parsed.hash !== '';
  return `${parsed.protocol}//${parsed.host}${more ? '/…' : ''}`;
}
