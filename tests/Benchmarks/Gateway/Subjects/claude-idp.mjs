// The identity provider that Claude apps gateway signs people in at: npm's oidc-provider with its own pages, where any name is good.
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [address, port, gateway] = process.argv.slice(2);
const require = createRequire(path.join(process.env.NETBIRD_NODE_MODULES, 'x.js'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
new Provider(`http://${address}:${port}`, {
  clients: [{
    client_id: 'gateway', client_secret: 'gateway-secret', redirect_uris: [`${gateway}/oauth/callback`],
    grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
  }],
  features: { devInteractions: { enabled: true } },
  claims: { openid: ['sub'], email: ['email'], groups: ['groups'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.com`, groups: ['engineering'] }) }),
}).listen(Number(port), address);
