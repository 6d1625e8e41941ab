#!/usr/bin/env node
// In the oldest syntax there is: an old Node must be able to read why it will not do.
"use strict";
var major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error("error: boxkite needs Node 24 or newer; this is " + process.version + ".");
  console.error("try: npm install --global node@24");
  process.exit(1);
}
// V8 would let the young generation of a server grow to 64 MiB while it only starts, and keep it: 172 MB instead of 114 when
// ready. The limit counts at the start of a process only, so this one is replaced by one that has it, in 30 ms.
var limit = "--max-semi-space-size";
var given = process.execArgv.concat(process.env.NODE_OPTIONS || "").join(" ");
if (process.argv[2] === "up" && process.execve && !process.send && given.indexOf(limit) < 0) {
  var args = [process.execPath, limit + "=4"].concat(process.execArgv, process.argv.slice(1));
  process.execve(process.execPath, args, process.env);
}
import("../dist/cli/main.js");
