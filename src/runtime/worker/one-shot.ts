/** A worker that takes exactly one attempt, in its own process. */
import { WorkerSocket } from "./worker-socket.ts";
import { readyReport } from "./ready-report.ts";
import type { Order } from "../../domain/worker-protocol.ts";

type StartOrder = Order & { readonly op: "start" };

/**
 * Resolves when an attempt was assigned: then this process has its arguments and variables, and goes on as if it had
 * been started with them. Resolves to an exit code where the process is to end without one.
 */
export async function takeOneAttempt(directory: string): Promise<number | undefined> {
  const assigned = Promise.withResolvers<StartOrder | undefined>();
  const socket = await WorkerSocket.listen(directory, {
    greeting: () => [readyReport("one_shot", [])],
    order: (order) => {
      if (order.op === "start") assigned.resolve(order);
    },
  });
  const unused = () => assigned.resolve(undefined);
  process.once("SIGTERM", unused);
  const order = await assigned.promise;
  process.off("SIGTERM", unused);
  if (order === undefined) {
    await socket.close();
    return 0;
  }
  socket.send({ event: "started", id: order.id });
  // Not awaited: until the caller listens for it, SIGTERM would end the process without its grace period.
  void socket.close();
  Object.assign(process.env, order.env);
  process.argv.splice(2, process.argv.length, ...order.args);
  return undefined;
}
