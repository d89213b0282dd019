// A certified OpenID provider (npm oidc-provider), set up as a company would: a public native client, PKCE, device
// code, refresh tokens that rotate, a groups claim. Its own development pages take any name as login.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const require = createRequire(path.join(process.env.NETBIRD_NODE_MODULES, 'x.js'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
const [port, lifetime, codes] = [Number(process.argv[2]), Number(process.argv[3] ?? 3600), Number(process.argv[4] ?? 120)];
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'netbird-agent', application_type: 'native', token_endpoint_auth_method: 'none',
    redirect_uris: ['http://127.0.0.1/callback'], response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  }],
  pkce: { required: () => true },
  features: { deviceFlow: { enabled: true }, revocation: { enabled: true }, devInteractions: { enabled: true } },
  claims: { openid: ['sub'], profile: ['name'], email: ['email'], groups: ['groups'] },
  scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
  conformIdTokenClaims: false,
  rotateRefreshToken: true,
  ttl: { IdToken: lifetime, AccessToken: lifetime, RefreshToken: 86400, DeviceCode: codes, AuthorizationCode: codes, Session: 3600, Grant: 86400, Interaction: 3600 },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `${id} Example`, email: `${id}@example.test`, groups: ['Engineering'] }),
  }),
});
// A network that is slow in one direction: while the file is there, what /token has answered stays on its way.
const held = process.argv[5];
if (held) {
  const { existsSync, writeFileSync } = await import('node:fs');
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === '/token' && existsSync(held)) {
      writeFileSync(`${held}.reached`, '');
      while (existsSync(held)) await new Promise((done) => setTimeout(done, 20));
    }
  });
}
provider.listen(port, '127.0.0.1', () => console.log(`listening ${issuer}`));
