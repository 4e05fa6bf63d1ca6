/** Which methods each pattern (`/api/cameras/:id`) takes; filled while routes are registered. */
export type RouteTable = Map<string, Set<string>>;

/** Methods that the address takes, sorted; none when it does not exist. */
export function methodsAt(routes: RouteTable, path: string): readonly string[] {
  // A trailing slash is ignored, as by the router.
  const segments = (path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path).split('/');
  const methods = new Set<string>();
  for (const [pattern, taken] of routes) {
    if (pattern.includes('*')) continue;
    const parts = pattern.split('/');
    const fits =
      parts.length === segments.length &&
      parts.every((part, index) => (part.startsWith(':') ? segments[index] !== '' : part === segments[index]));
    if (fits) for (const method of taken) methods.add(method);
  }
  return [...methods].toSorted();
}
