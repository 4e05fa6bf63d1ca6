/**
 * Scheme, host and port of a web address, and `/…` where more follows: webhooks and signed pictures carry secrets in
 * their paths and queries, which no rule tells apart from the rest. Of anything else only that it is no URL.
 */
export function urlOrigin(url: string): string {
  const parsed = URL.parse(url.slice(0, 4_096));
  if (parsed === null || parsed.host === '') return '(no URL)';
  const more = parsed.pathname.length > 1 || parsed.search !== '' || parsed.hash !== '';
  return `${parsed.protocol}//${parsed.host}${more ? '/…' : ''}`;
}
