// Runs the plugin's middleware for assertions, one a line of standard input.
import { createInterface } from "node:readline";
import plugin from "@cloudflare/pages-plugin-cloudflare-access";

const [domain, aud] = process.argv.slice(2);
const middleware = plugin({ domain, aud });
for await (const token of createInterface({ input: process.stdin })) {
  const request = new Request("http://localhost/", {
    headers: token === "none" ? {} : { "Cf-Access-Jwt-Assertion": token },
  });
  const data = {};
  try {
    const answer = await middleware({
      request,
      data,
      env: {},
      functionPath: "",
      waitUntil: () => {},
      passThroughOnException: () => {},
      next: async () => new Response((await data.cloudflareAccess.JWT.getIdentity())?.email),
    });
    console.log(answer.status, answer.headers.get("location") ?? (await answer.text()));
  } catch (error) {
    console.log("failed", String(error));
  }
}
