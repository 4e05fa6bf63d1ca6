import { hash, timingSafeEqual } from 'node:crypto';
import { ArrivalLimiter, TokenLimiter } from './arrival-limiter.ts';
import type { Budget } from './arrival-record.ts';
import type { SimulatedKey, SimulatedKeyEntry } from './simulator.types.ts';

/** A key with its limits. */
export interface KnownKey {
  readonly name: string;
  readonly spec: SimulatedKey;
  /** SHA-256 of the key itself. */
  readonly digest: Buffer;
  readonly budget: Budget;
  readonly limiter: ArrivalLimiter;
  readonly tokens: TokenLimiter | null;
  revoked: boolean;
}

const digest = (text: string): Buffer => hash('sha256', text, 'buffer');

/** The keys that the simulator knows. */
export class Keyring {
  readonly #keys: readonly KnownKey[];

  constructor(specs: readonly SimulatedKey[]) {
    const groups = new Map<string, Pick<KnownKey, 'budget' | 'limiter' | 'tokens'>>();
    this.#keys = specs.map((spec, index) => {
      const name = spec.name ?? `key-${String(index + 1).padStart(3, '0')}`;
      const id = spec.group === undefined ? `key:${name}` : `group:${spec.group}`;
      const shared = groups.get(id) ?? {
        budget: { name: id, qps: spec.qps, rpm: spec.rpm, tpm: spec.tpm ?? null },
        limiter: new ArrivalLimiter(spec.qps, spec.rpm),
        tokens: spec.tpm === undefined ? null : new TokenLimiter(spec.tpm),
      };
      groups.set(id, shared);
      return { name, spec, digest: digest(spec.key), ...shared, revoked: false };
    });
  }

  /** The key of an `Authorization` header; undefined for an unknown one. */
  find(authorization: string | undefined): KnownKey | undefined {
    const given = digest(/^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '');
    return this.#keys.find((key) => timingSafeEqual(key.digest, given));
  }

  setRevoked(name: string, revoked: boolean): void {
    const key = this.#keys.find((one) => one.name === name);
    if (key === undefined) throw new Error(`the simulator has no key "${name}"`);
    key.revoked = revoked;
  }

  budgets(): readonly Budget[] {
    return [...new Map(this.#keys.map((key) => [key.budget.name, key.budget])).values()];
  }

  entries(baseUrl: string, model: string): readonly SimulatedKeyEntry[] {
    return this.#keys.map(({ name, spec, budget }) => ({
      name,
      key: spec.key,
      qps_limit: budget.qps,
      rpm_limit: budget.rpm,
      ...(budget.tpm === null ? {} : { tpm_limit: budget.tpm }),
      priority: 1,
      enabled: true,
      base_url: baseUrl,
      model,
      ...(spec.group === undefined ? {} : { quota_group: spec.group }),
    }));
  }
}
