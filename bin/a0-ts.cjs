#!/usr/bin/env node
// In the oldest syntax there is: an old Node must be able to read why it will not do.
"use strict";
var major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error("error: a0-ts needs Node 24 or newer; this image has " + process.version + ".");
  process.exit(1);
}
// Compiled code is kept where it can be: the second action in the same file system starts faster.
require("node:module").enableCompileCache();
var fs = require("node:fs");
var path = require("node:path");
var source = path.join(__dirname, "..", "src", "runtime", "main.ts");
var built = path.join(__dirname, "..", "dist", "runtime", "main.js");
// A checkout runs from source; the published package has only what was built.
import(require("node:url").pathToFileURL(fs.existsSync(source) ? source : built).href);
