/** Two workers for one list of jobs: CI's machine has two processors. */

/**
 * One worker takes jobs from the start, the other from the end, until none is left: where the first half of the list
 * takes longer, the second worker helps with it, and both end at about the same time. A worker that fails ends the work.
 */
export async function workFromBothEnds<Job>(
  jobs: readonly Job[],
  run: (job: Job) => Promise<void>,
): Promise<void> {
  const left = [...jobs];
  const work = async (next: () => Job | undefined) => {
    for (let job = next(); job !== undefined; job = next()) await run(job);
  };
  await Promise.all([work(() => left.shift()), work(() => left.pop())]);
}
