// The real oidc-provider, set up for one test: plain, or laid out as a stock authentik.
//
// Reads one JSON document from standard input, prints one line of JSON once it listens, and stops
// when standard input closes. Login and consent are the package's own development pages.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const lines = createInterface({ input: process.stdin });
const { value } = await lines[Symbol.asyncIterator]().next();
const settings = JSON.parse(value);
lines.on("close", () => process.exit(0));

const people = {
  alice: { email: "alice@example.com", name: "Alice Adams", groups: ["staff", "admins"] },
  bob: { email: "Bob.Mueller@Example.COM", name: "Bob Müller 🦊", groups: ["staff"] },
  mallory: { email: "mallory@example.com.evil.test", name: "Mallory", groups: [] },
  nomail: { name: "No Mail", groups: ["staff"] },
};

function claimsOf(id) {
  const person = { ...people[id], ...(id in settings.groups && { groups: settings.groups[id] }) };
  return { sub: id, email_verified: settings.email_verified, department: "engineering", ...person };
}

const server = createServer();
await new Promise((ready) => server.listen(settings.port, "127.0.0.1", ready));
const origin = `http://127.0.0.1:${server.address().port}`;
const authentik = settings.layout === "authentik";
const base = "/application/o";
const slug = `${base}/lychgate/`;
const issuer = authentik ? origin + slug : origin;

const configuration = {
  clients: [
    {
      client_id: settings.client_id,
      client_secret: settings.client_secret,
      redirect_uris: settings.redirect_uris,
      id_token_signed_response_alg: settings.algorithm,
    },
  ],
  jwks: { keys: settings.keys },
  cookies: { keys: ["only for a test"] },
  enabledJWA: { idTokenSigningAlgValues: [settings.algorithm, "RS256"] },
  // A stock authentik puts everything into the ID token; oidc-provider on its own only `sub`.
  conformIdTokenClaims: !authentik,
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified"],
    profile: ["name", "groups", "department"],
  },
  pkce: { required: () => settings.pkce_required },
  ttl: { Session: 600, Grant: 600, Interaction: 600, IdToken: 600, AccessToken: 600 },
  async findAccount(_ctx, id) {
    if (!(id in people)) return undefined;
    return { accountId: id, claims: async () => claimsOf(id) };
  },
  ...(authentik && {
    routes: {
      authorization: `${base}/authorize/`,
      token: `${base}/token/`,
      userinfo: `${base}/userinfo/`,
      jwks: `${slug}jwks/`,
    },
  }),
};

const provider = new Provider(issuer, configuration);
const handle = provider.callback();
const discovery = "/.well-known/openid-configuration";
server.on("request", (request, response) => {
  if (authentik && request.url === slug.slice(0, -1) + discovery) request.url = discovery;
  handle(request, response);
});

const at = (plain, path) => origin + (authentik ? path : plain);
console.log(
  JSON.stringify({
    issuer,
    auth_url: at("/auth", `${base}/authorize/`),
    token_url: at("/token", `${base}/token/`),
    certs_url: at("/jwks", `${slug}jwks/`),
    userinfo_url: at("/me", `${base}/userinfo/`),
    discovery_url: at(discovery, slug.slice(0, -1) + discovery),
  }),
);
