// A real authorization server on loopback: `node authorization_server.cjs ISSUER CLIENTS TTL`.
// CLIENTS is JSON of its registered clients. Tokens are JWTs for the resource that they were asked for, valid for TTL seconds.
const { Provider } = require("oidc-provider");

const [issuer, clients, ttl] = process.argv.slice(2);
const scope = "tickets:read tickets:write";
const provider = new Provider(issuer, {
  clients: JSON.parse(clients).map((client) => ({
    grant_types: ["client_credentials"], response_types: [], redirect_uris: [], scope, ...client,
  })),
  scopes: scope.split(" "),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_ctx, resource) => ({
        scope, audience: resource, accessTokenTTL: Number(ttl), accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});
provider.listen(Number(new URL(issuer).port), "127.0.0.1", () => console.log("ready"));
