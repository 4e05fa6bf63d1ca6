import type { KeySpec } from './key-config.ts';
import type { KeyView } from './pool.types.ts';

type EntryView = Pick<
  KeyView,
  'enabled' | 'fingerprint' | 'base_url' | 'response_format' | 'max_output_tokens' | 'extra_body' | 'max_in_flight'
>;

/** What a key's entry says, for administration. Never the secret. */
export const entryView = (spec: KeySpec): EntryView => ({
  enabled: spec.enabled,
  fingerprint: spec.secret.fingerprint(),
  base_url: spec.baseUrl,
  response_format: spec.responseFormat,
  max_output_tokens: spec.maxOutputTokens,
  extra_body: spec.extraBody,
  max_in_flight: spec.maxInFlight,
});
