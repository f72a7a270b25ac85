// Verifies assertions, one a line of standard input, with one key set kept over all of them.
import { createInterface } from "node:readline";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [team, audience] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(`${team}/cdn-cgi/access/certs`), { cooldownDuration: 0 });
for await (const token of createInterface({ input: process.stdin })) {
  try {
    const { payload } = await jwtVerify(token, keys, { issuer: team, audience });
    console.log(payload.email);
  } catch (error) {
    console.log(`refused ${error.code}`);
  }
}
