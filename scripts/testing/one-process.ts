/** Runs the test files of the arguments in this process. One that cannot be loaded fails, and the others run. */
import { after, test } from "node:test";

// If a test ended the process, those after it would be missing without an error.
let done = false;
after(() => (done = true));
process.on("exit", () => {
  if (!done) process.exitCode = 1;
});

for (const file of process.argv.slice(2)) {
  try {
    await import(file);
  } catch (error) {
    void test(file, () => {
      throw error;
    });
  }
}
