export const KEYS_USAGE = `usage: npm run gantry -- keys COMMAND [options]

  verify    calls the model once with each key, as real calls are made, and shows result, latency and limits seen
            (also: verify-keys)
              [--keys FILE] [--key NAME]... [--timeout SECONDS] [--json]
  encrypt   config/api_keys.yaml -> config/api_keys.enc, which the next start uses (also: encrypt-keys)
              [--in FILE] [--out FILE] [--force]
  decrypt   the reverse, into a file
              [--in FILE] [--out FILE] [--force]

encrypt and decrypt take the secret from GANTRY_KEYS_SECRET, or from the file that GANTRY_KEYS_SECRET_FILE names:
32 bytes as hex or base64 (openssl rand -hex 32), or a password of at least 12 characters.`;
