import type { Principal } from '../../messages/principal.ts';
import type { PreferenceStore } from '../../users/accounts.ts';
import { userKey } from '../../users/secrets.ts';
import { errorReplies } from '../errors/replies.ts';
import { Preferences } from '../schemas/accounts-schema.ts';
import type { App } from '../server.types.ts';

const tags = ['access'];
const config = { access: 'viewer', scope: 'none' } as const;

/** Whose preferences those of a user are. */
export const ownerOfUser = (name: string): string => `user:${userKey(name)}`;
const ownerOf = ({ via, name }: Principal): string =>
  via === 'session' ? ownerOfUser(name) : `${via}:${userKey(name)}`;

/** `/api/preferences`: the caller's own settings of the page: layouts, theme, language, sound. */
export function preferenceRoutes(app: App, preferences: PreferenceStore): void {
  app.get(
    '/api/preferences',
    {
      config,
      schema: { tags, summary: "One's own preferences", response: { 200: Preferences, ...errorReplies(401, 503) } },
    },
    async ({ principal }) => ({ value: valueOf(await preferences.read(ownerOf(principal))) }),
  );

  app.put(
    '/api/preferences',
    {
      config,
      schema: {
        tags,
        summary: "Replaces one's own preferences: any JSON object of at most 32 kB",
        body: Preferences,
        response: { 200: Preferences, ...errorReplies(400, 401, 403, 413, 415, 503) },
      },
    },
    async ({ principal, body }) => {
      await preferences.write(ownerOf(principal), JSON.stringify(body.value));
      return body;
    },
  );
}

/** An empty object in place of a text that is no JSON object. */
function valueOf(json: string | null): Record<string, unknown> {
  try {
    return Preferences.shape.value.catch({}).parse(JSON.parse(json ?? '{}'));
  } catch {
    return {};
  }
}
