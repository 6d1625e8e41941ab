/** Restate: `restate-service.mjs calls|journal ADMIN INGRESS PORT`: each step a durable call, or an entry of one journal. */
import { createInterface } from "node:readline";
import * as restate from "@restatedev/restate-sdk";
import * as clients from "@restatedev/restate-sdk-clients";

// What the SDK logs must not get between the answers.
for (const level of ["debug", "info", "log", "trace"]) console[level] = console.error;

const [variant, ...ports] = process.argv.slice(2);
const [admin, ingress, port] = ports.map(Number);

const steps = restate.service({ name: "steps", handlers: { step: async (_, x) => x + 1 } });
const call = (context, x) =>
  variant === "journal" ? context.run("step", () => x + 1) : context.serviceClient({ name: "steps" }).step(x);
const shapes = restate.service({
  name: "shapes",
  handlers: {
    chain: async (context, n) => {
      let value = 0;
      for (let index = 0; index < n; index++) value = await call(context, value);
      return value;
    },
    fan: async (context, n) =>
      (await restate.RestatePromise.all(Array.from({ length: n }, (_, x) => call(context, x)))).length,
  },
});

await restate.serve({ services: [steps, shapes], port });
const answer = await fetch(`http://127.0.0.1:${admin}/deployments`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ uri: `http://127.0.0.1:${port}` }),
});
if (!answer.ok) throw new Error(await answer.text());
const client = clients.connect({ url: `http://127.0.0.1:${ingress}` }).serviceClient({ name: "shapes" });
const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
print({ ready: true });
for await (const line of createInterface({ input: process.stdin })) {
  const { shape, count } = JSON.parse(line);
  const started = performance.now();
  const result = await (shape === "fan" ? client.fan(count) : client.chain(count));
  if (result !== count) throw new Error(`${line} gave ${result}`);
  print({ ms: performance.now() - started });
}
process.exit(0);
