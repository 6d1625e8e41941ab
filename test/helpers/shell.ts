/** Shell scripts that wait, for some minutes at most: what a killed test run leaves behind ends by itself. */
const MAX_STEPS = 1_800;

/** Runs on; a signal that is trapped is acted upon within a tenth of a second. */
export const KEEP_RUNNING = waitWhile("true");

/** Waits until the file is there. */
export function awaitFile(file: string): string {
  return waitWhile(`! [ -e "${file}" ]`);
}

function waitWhile(condition: string): string {
  return `step=0; while ${condition} && [ $step -lt ${MAX_STEPS} ]; do step=$((step+1)); sleep 0.1; done`;
}
