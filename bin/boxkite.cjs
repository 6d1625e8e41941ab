#!/usr/bin/env node
// In the oldest syntax there is: an old Node must be able to read why it will not do.
"use strict";
var major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error("error: boxkite needs Node 24 or newer; this is " + process.version + ".");
  console.error("try: npm install --global node@24");
  process.exit(1);
}
import("../dist/cli/main.js");
