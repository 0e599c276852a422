// jose: finds the key set by the issuer's discovery document, then verifies tokens, one a line.
// node check.mjs ISSUER AUDIENCE: {"id", "token"} in, {"id", "accepted", "error"} out.
import { createInterface } from "node:readline";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [issuer, audience] = process.argv.slice(2);
const found = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
if (found.issuer !== issuer) throw new Error("another issuer");
const keys = createRemoteJWKSet(new URL(found.jwks_uri));
const algorithms = found.id_token_signing_alg_values_supported;

for await (const line of createInterface({ input: process.stdin })) {
  const { id, token } = JSON.parse(line);
  try {
    await jwtVerify(token, keys, { issuer, audience, algorithms, requiredClaims: ["exp"] });
    console.log(JSON.stringify({ id, accepted: true }));
  } catch (error) {
    console.log(JSON.stringify({ id, accepted: false, error: error.code ?? String(error) }));
  }
}
