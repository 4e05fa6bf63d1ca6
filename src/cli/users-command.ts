import { readAccess } from '../app/access.ts';
import { setupUrl } from '../app/first-admin.ts';
import { readRuntimeFile } from '../app/runtime-file.ts';
import { openAccounts } from '../app/use-accounts.ts';
import { UserRole } from '../messages/principal.ts';
import { printable } from '../runtime/printable.ts';
import { Scope, UserName } from '../users/account-records.ts';
import { AccountError } from '../users/account-error.ts';
import type { Accounts } from '../users/accounts.ts';
import { UsageError } from './command-errors.ts';
import { dataFolderOf } from './chosen-data-folder.ts';
import type { Output } from './output.ts';
import { withNats } from './running-nats.ts';

const START_MS = 5_000;
const QUIET = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
/** The command checks no passwords. */
const NO_TRIES = { take: () => Promise.resolve(0), forget: () => Promise.resolve(), notice: () => null };

interface DataDir {
  readonly 'data-dir': string | undefined;
}
type Named = DataDir & { readonly name: string };

type Request =
  | { readonly verb: 'list' }
  | { readonly verb: 'remove' | 'reset'; readonly name: string }
  | { readonly verb: 'add'; readonly name: string; readonly role: UserRole; readonly groups: Scope };

// `gantry users ...`. Exit code 0: done. They reject with an AccountError for a refused change, and as `withNats`.

export const add = (
  args: Named & { readonly role: string | undefined; readonly groups: string | undefined },
  output: Output,
): Promise<number> =>
  use(args, output, {
    verb: 'add',
    name: readName(args.name),
    role: readRole(args.role),
    groups: readGroups(args.groups),
  });

export const list = (args: DataDir, output: Output): Promise<number> => use(args, output, { verb: 'list' });

export const remove = (args: Named, output: Output): Promise<number> =>
  use(args, output, { verb: 'remove', name: readName(args.name) });

export const reset = (args: Named, output: Output): Promise<number> =>
  use(args, output, { verb: 'reset', name: readName(args.name) });

const use = ({ 'data-dir': dataDir }: DataDir, output: Output, request: Request): Promise<number> =>
  withNats(dataDir, async (link) => {
    const used = await openAccounts({ link, limit: NO_TRIES, log: QUIET, startMs: START_MS });
    try {
      const { shown, text } = await answer(used.accounts, request, await pageOf(dataDir));
      output.result(shown, text);
      return 0;
    } finally {
      used.close();
    }
  });

function readName(text: string): string {
  const name = UserName.safeParse(text);
  if (name.success) return name.data;
  throw new UsageError(`"${text}" is no name: it ${name.error.issues[0]?.message ?? ''}`);
}

function readRole(text: string | undefined): UserRole {
  const role = UserRole.safeParse(text ?? 'viewer');
  if (role.success) return role.data;
  throw new UsageError(`--role: must be one of ${UserRole.options.join(', ')}, not "${text}"`);
}

function readGroups(text: string | undefined): Scope {
  if (text === undefined) return null;
  const groups = Scope.safeParse(text.split(',').map((each) => each.trim()));
  if (groups.success) return groups.data;
  throw new UsageError(`--groups: "${text}": each ${groups.error.issues[0]?.message ?? 'must be a group'}`);
}

interface Answer {
  readonly shown: object;
  readonly text: string;
}

async function answer(accounts: Accounts, request: Request, base: string | null): Promise<Answer> {
  const { users, links, sessions } = accounts;
  const linkFor = async (name: string): Promise<Answer> => {
    const link = await links.make(name);
    const address = base === null ? null : setupUrl(base, '', link);
    return {
      shown: { user: name, link, address },
      text: `within a day, this link sets the password of ${name}, once:\n${address ?? `#/setup/${link}`}`,
    };
  };
  switch (request.verb) {
    case 'list':
      return listed(accounts);
    case 'add': {
      const { name, role, groups } = request;
      await users.add({ name, role, groups, passwordHash: null, identity: null });
      return linkFor(name);
    }
    case 'reset': {
      const user = users.get(request.name);
      if (user === null) throw new AccountError('UNKNOWN_USER', `there is no user ${request.name}`);
      return linkFor(user.name);
    }
    case 'remove': {
      const ended = sessions.counts().get(users.get(request.name)?.name ?? '') ?? 0;
      await users.remove(request.name);
      await links.withdraw(request.name);
      return {
        shown: { removed: request.name, sessions: ended },
        text: `removed ${request.name}; sessions ended: ${ended}`,
      };
    }
  }
}

function listed({ users, sessions }: Accounts): Answer {
  const counts = sessions.counts();
  const shown = users.list().map(({ name, role, groups, createdAt, lastLoginAt, passwordHash, identity }) => ({
    name,
    role,
    groups,
    createdAt,
    lastLoginAt,
    sessions: counts.get(name) ?? 0,
    password: passwordHash !== null,
    oidc: identity !== null,
  }));
  const line = ({ name, role, groups, sessions: open, lastLoginAt }: (typeof shown)[number]): string =>
    `${printable(name).padEnd(24)}  ${role.padEnd(8)}  ${groups?.join(',') ?? 'all cameras'}  ` +
    `${open} sessions  last login ${lastLoginAt ?? 'never'}`;
  return { shown: { users: shown }, text: shown.length === 0 ? 'no users' : shown.map(line).join('\n') };
}

/** Address of the page of the Gantry on this data folder; null for one elsewhere. */
async function pageOf(dataDir: string | undefined): Promise<string | null> {
  const url = (await readRuntimeFile(dataFolderOf(dataDir)))?.httpUrl ?? null;
  return url === null ? null : `${url}${readAccess(process.env).basePath}`;
}
