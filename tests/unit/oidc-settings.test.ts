import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOidc } from '../../src/app/oidc-settings.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import { languageOf, refusedPage } from '../../src/http/access/refused-page.ts';
import { PagePlace } from '../../src/http/access/oidc-cookie.ts';
import { OIDC_ERRORS, type OidcErrorCode } from '../../src/oidc/oidc-error.ts';
import { rightsOf, type RoleRule } from '../../src/oidc/role-rules.ts';

const BASE = { GANTRY_OIDC_ISSUER: 'https://id.example.org/realms/city', GANTRY_OIDC_CLIENT_ID: 'gantry' };

test('settings are read, with defaults', () => {
  assert.equal(readOidc({}), null);
  const { clientSecret, ...rest } = readOidc({ ...BASE, GANTRY_OIDC_CLIENT_SECRET: 'hunter2' }) ?? assert.fail();
  assert.equal(clientSecret?.(), 'hunter2');
  assert.deepEqual(rest, {
    issuer: BASE.GANTRY_OIDC_ISSUER,
    clientId: 'gantry',
    label: 'id.example.org',
    scope: 'openid profile email',
    rules: null,
  });
  const more = readOidc({
    ...BASE,
    GANTRY_OIDC_LABEL: 'City',
    GANTRY_OIDC_SCOPE: 'openid groups',
    GANTRY_OIDC_ROLES: '[{"claim":"groups","value":"ops","role":"operator","groups":["North"]},{"role":"viewer"}]',
  });
  assert.equal(more?.label, 'City');
  assert.deepEqual(more?.rules?.[1], { role: 'viewer' });
});

test('a bad setting is refused by name', () => {
  const refuses = (env: object, name: string, words: RegExp): void =>
    assert.throws(
      () => readOidc(env as Record<string, string>),
      (thrown) => {
        assert.ok(thrown instanceof InfraError);
        assert.equal(thrown.fields['field'], name);
        assert.match(thrown.message, words);
        return true;
      },
    );
  refuses({ GANTRY_OIDC_CLIENT_ID: 'x' }, 'GANTRY_OIDC_ISSUER', /is missing/u);
  refuses({ GANTRY_OIDC_ISSUER: BASE.GANTRY_OIDC_ISSUER }, 'GANTRY_OIDC_CLIENT_ID', /is missing/u);
  for (const issuer of ['http://id.example.org', 'id.example.org', 'ftp://localhost'])
    refuses({ ...BASE, GANTRY_OIDC_ISSUER: issuer }, 'GANTRY_OIDC_ISSUER', /must be an https URL/u);
  assert.ok(readOidc({ ...BASE, GANTRY_OIDC_ISSUER: 'http://127.0.0.1:9' }));
  refuses({ ...BASE, GANTRY_OIDC_SCOPE: 'profile' }, 'GANTRY_OIDC_SCOPE', /openid/u);
  refuses({ ...BASE, GANTRY_OIDC_LABEL: 'x'.repeat(61) }, 'GANTRY_OIDC_LABEL', /at most 60/u);
  for (const rules of ['x', '{}', '[]', '[{"role":"king"}]', '[{"claim":"groups","role":"admin"}]', '[{"roles":1}]'])
    refuses({ ...BASE, GANTRY_OIDC_ROLES: rules }, 'GANTRY_OIDC_ROLES', /JSON list of rules/u);
});

test('the highest role of the rules that fit counts, with its own groups', () => {
  const rules: RoleRule[] = [
    { claim: 'groups', value: 'all-see', role: 'viewer' },
    { claim: 'groups', value: 'north', role: 'operator', groups: ['North'] },
    { claim: 'groups', value: 'south', role: 'operator', groups: ['South', 'North'] },
    { claim: 'realm.roles', value: 'boss', role: 'admin' },
    { claim: 'https://x.org/roles', value: 'true', role: 'viewer', groups: ['Gate'] },
  ];
  assert.deepEqual(rightsOf({ groups: ['north', 'all-see'] }, rules), { role: 'operator', groups: ['North'] });
  assert.deepEqual(rightsOf({ groups: ['south', 'north'] }, rules), { role: 'operator', groups: ['North', 'South'] });
  assert.deepEqual(rightsOf({ groups: 'all-see' }, rules), { role: 'viewer', groups: null });
  assert.deepEqual(rightsOf({ realm: { roles: ['boss'] }, groups: ['north'] }, rules), { role: 'admin', groups: null });
  assert.deepEqual(rightsOf({ 'https://x.org/roles': true }, rules), { role: 'viewer', groups: ['Gate'] });
  for (const claims of [
    {},
    { groups: ['North'] },
    { groups: { north: 1 } },
    { groups: [['north']] },
    { realm: 'boss' },
  ])
    assert.equal(rightsOf(claims, rules), null, JSON.stringify(claims));
  assert.equal(rightsOf({ groups: ['x'] }, [{ claim: '__proto__', value: 'x', role: 'admin' }]), null);
  assert.deepEqual(rightsOf({}, [{ role: 'viewer' }]), { role: 'viewer', groups: null });
});

test('a refusal is a page in the language of the browser, whatever the names', () => {
  const evil = { at: '<script>$&</script>', who: `"'><img>`, basePath: '/gantry' };
  for (const code of Object.keys(OIDC_ERRORS) as OidcErrorCode[])
    for (const language of ['en', 'zh'] as const) {
      const page = refusedPage(code, { ...evil, language });
      assert.ok(page.includes(`<html lang="${language}">`) && page.includes('href="/gantry/"'));
      assert.ok(!page.includes('<script>') && !page.includes('<img>') && !page.includes('{'), page);
    }
  assert.equal(languageOf('zh-CN,en;q=.5'), 'zh');
  assert.equal(languageOf('en,zh'), 'en');
  assert.equal(languageOf(undefined), 'en');
});

test('only places on our own page are returned to', () => {
  for (const place of ['#/', '#/alerts?camera=north&level=high', '#/camera/a_b-1']) PagePlace.parse(place);
  for (const place of ['', '/', '//evil.org', 'https://evil.org', '#//evil', '#/<x>', '#/\\x', `#/${'x'.repeat(300)}`])
    assert.equal(PagePlace.safeParse(place).success, place === '#//evil', place);
});
