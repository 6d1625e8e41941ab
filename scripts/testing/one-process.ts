/** The test files of the arguments, all in this process. One that cannot be loaded fails, and the others go on. */
import { after, test } from "node:test";

// A test that ends the process would take those after it away without a word.
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
