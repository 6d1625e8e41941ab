/**
 * `node log-lines.ts FILE COMMAND…`: runs a command and writes its output to a file, a time before each
 * line: the least that keeping a log costs.
 */
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";

const [file = "", command = "", ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });

async function* stamped(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${Date.now()} o ${line}\n`;
}

await pipeline(stamped(createInterface({ input: child.stdout })), createWriteStream(file));
