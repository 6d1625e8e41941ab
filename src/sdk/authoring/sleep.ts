import { activeContext } from "./context.ts";
import type { Duration } from "./duration.ts";
import { sleepDefinition } from "./sleep-task.ts";
import { createTask, type Task } from "./task.ts";
import { TaskEnvironment } from "./task-environment.ts";

let pause: Task<{ duration: Duration }, void> | undefined;

/**
 * Lets time pass, as an action of its own: it goes on where the server or this task's container is started again, and
 * the next attempt of the task does not sleep anew. For a sleep with a cache, retries or a time limit, or one that others
 * call, define a task: `env.sleep({ name: … })`.
 */
export async function sleep(duration: Duration): Promise<void> {
  activeContext("flyte.sleep()");
  pause ??= createTask(
    sleepDefinition(new TaskEnvironment({ name: "flyte" }), { name: "sleep" }, import.meta.filename),
  );
  await pause({ duration });
}
