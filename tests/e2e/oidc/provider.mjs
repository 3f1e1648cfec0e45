// A real OpenID Connect provider (oidc-provider) with the device-code flow, and endpoints by which a test is the person in front of
// the browser:  node provider.mjs MODULES '{"port": 4000, "code_s": 60}'
// With "key" and "certificate" (files) it speaks https.
//
//   POST /test/approve?user_code=X&account=ana     POST /test/deny?user_code=X
//   POST /test/next?answer=slow_down&count=1       the next polls are answered so; a status (503) as well
//   GET  /test/polls                               when tokens were asked for, in ms
//
// Its paths are those that Ockam expects below an Okta tenant's address; others find them by discovery.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, text] = process.argv.slice(2);
const options = JSON.parse(text);
const { default: Provider } = await import(pathToFileURL(join(modules, 'oidc-provider', 'lib', 'index.js')));

const accounts = {
  ana: { name: 'Ana', email: 'ana@example.org', department: 'analysis', level: 3, groups: ['staff', 'dba'] },
  bob: { name: 'Bob', email: 'bob@example.org', department: 'sales', level: 1, groups: ['guests'] },
};

const client = (id) => ({
  client_id: id,
  application_type: 'native',
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
  response_types: [],
  redirect_uris: [],
  token_endpoint_auth_method: 'none',
});

const issuer = `http${options.key ? 's' : ''}://127.0.0.1:${options.port}${options.issuer_path ?? ''}`;
const provider = new Provider(issuer, {
  clients: [client('weir'), client('other')],
  features: { deviceFlow: { enabled: true, mask: '****-****' }, devInteractions: { enabled: false } },
  claims: { openid: ['sub'], profile: ['name', 'department', 'level', 'groups'], email: ['email'] },
  findAccount: (_, id) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
  routes: { device_authorization: '/v1/device/authorize', token: '/v1/token', userinfo: '/v1/userinfo', jwks: '/v1/keys' },
  ttl: { DeviceCode: options.code_s ?? 60, AccessToken: 600, IdToken: 600, Grant: 600, Session: 600, Interaction: 600 },
  cookies: { keys: ['only for tests'] },
});

const polls = [];
const scripted = [];

async function codeOf(ctx) {
  const code = await provider.DeviceCode.findByUserCode(ctx.query.user_code.replace(/-/g, ''));
  ctx.assert(code, 404, 'no such code');
  return code;
}

async function approve(ctx) {
  const code = await codeOf(ctx);
  const accountId = ctx.query.account;
  const grant = new provider.Grant({ accountId, clientId: code.clientId });
  grant.addOIDCScope(code.params.scope);
  const grantId = await grant.save();
  const authTime = Math.floor(Date.now() / 1000);
  Object.assign(code, { accountId, grantId, authTime, scope: code.params.scope });
  if (code.params.nonce && !options.no_nonce) code.nonce = code.params.nonce;
  await code.save();
}

async function deny(ctx) {
  const code = await codeOf(ctx);
  Object.assign(code, { error: 'access_denied', errorDescription: 'the person said no' });
  await code.save();
}

async function forTests(ctx) {
  switch (ctx.path) {
    case '/test/approve': await approve(ctx); break;
    case '/test/deny': await deny(ctx); break;
    case '/test/next':
      for (let i = 0; i < Number(ctx.query.count ?? 1); i += 1) scripted.push(ctx.query.answer);
      break;
    case '/test/polls': break;
    default: ctx.throw(404);
  }
  ctx.status = 200;
  ctx.body = { polls };
}

provider.use(async (ctx, next) => {
  ctx.path = ctx.path.replace(/^\/+/, '/'); // a real ockam writes //v1/..
  if (ctx.path.startsWith('/test/')) return forTests(ctx);
  if (ctx.path === '/v1/token') {
    polls.push(Date.now());
    const answer = scripted.shift();
    if (answer) {
      const isStatus = /^\d+$/.test(answer);
      ctx.status = isStatus ? Number(answer) : 400;
      ctx.body = isStatus ? 'broken' : { error: answer, error_description: 'as the test wants it' };
      return undefined;
    }
  }
  await next();
  // Optional in RFC 8628, and left out by the provider; a real ockam needs it.
  if (ctx.path === '/v1/device/authorize' && ctx.status === 200) ctx.body = { ...ctx.body, interval: options.interval_s ?? 1 };
  return undefined;
});

const server = options.key
  ? createServer({ key: readFileSync(options.key), cert: readFileSync(options.certificate) }, provider.callback())
  : provider;
server.listen(options.port, '127.0.0.1', () => console.log('ready'));
