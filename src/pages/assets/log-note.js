/** Which part of the log is on the page; the server and the script write it alike. `percent`: of the log before it. */
export function logNote({ count, isStart, isEnd, percent }) {
  const lines = count === 1 ? "line" : `${count.toLocaleString("en")} lines`;
  if (isStart && isEnd) return count === 1 ? "The only line" : `All ${lines}`;
  if (isEnd) return `The last ${lines}`;
  if (isStart) return `The first ${lines}`;
  return `${count === 1 ? "1 line" : lines}, after ${Math.floor(percent)} % of the log`;
}
