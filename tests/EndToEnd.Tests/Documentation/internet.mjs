// The rest of the world, at one address: the provider's API, and identity providers under the names that they have
// (npm oidc-provider, a certified OpenID provider, set up as each guide asks for it).
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import path from 'node:path';
import https from 'node:https';
import http from 'node:http';
import { readFileSync } from 'node:fs';

const [folder, upstreamPort] = process.argv.slice(2);
const require = createRequire(path.join(process.env.NETBIRD_NODE_MODULES, 'x.js'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

// What each is known to put into an ID token; Google has no groups.
const issuers = {
  'https://example.okta.com': { groups: ['Engineering'] },
  'https://login.microsoftonline.com/8f0c2f4e-0000-4000-8000-000000000000/v2.0': { roles: ['Engineering'] },
  'https://accounts.google.com': {},
  'https://sso.example.com/realms/company': { groups: ['Engineering'] },
};

function providerOf(issuer, claims) {
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'netbird', application_type: 'native', token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'], response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    }],
    pkce: { required: () => true },
    features: { deviceFlow: { enabled: true }, revocation: { enabled: true }, devInteractions: { enabled: true } },
    claims: { openid: ['sub', ...Object.keys(claims)], profile: ['name'], email: ['email'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
    conformIdTokenClaims: false,
    cookies: { keys: ['of a test'] },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, name: 'Ana', email: 'ana@example.com', email_verified: true, ...claims }) }),
  });
  provider.proxy = true;
  return provider.callback();
}
const sites = Object.entries(issuers).map(([issuer, claims]) => ({ url: new URL(issuer), answer: providerOf(issuer, claims) }));

https.createServer({ cert: readFileSync(`${folder}/cert.pem`), key: readFileSync(`${folder}/key.pem`) }, (request, response) => {
  const site = sites.find(s => s.url.host === request.headers.host);
  if (site) {
    // Mounted below a path: oidc-provider reads the whole of it from originalUrl.
    const prefix = site.url.pathname === '/' ? '' : site.url.pathname;
    request.originalUrl = request.url;
    request.url = request.url.slice(prefix.length) || '/';
    request.headers['x-forwarded-proto'] = 'https';
    site.answer(request, response);
    return;
  }
  const onward = http.request({ port: upstreamPort, method: request.method, path: request.url, headers: { ...request.headers, host: `127.0.0.1:${upstreamPort}` } }, answer => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}).listen(443, () => console.log('listening'));
