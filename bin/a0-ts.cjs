#!/usr/bin/env node
// In the oldest syntax there is: an old Node must be able to read why it will not do.
"use strict";
var major = Number(process.versions.node.split(".")[0]);
if (major < 24) {
  console.error("error: a0-ts needs Node 24 or newer; this image has " + process.version + ".");
  process.exit(1);
}
var fs = require("node:fs");
var path = require("node:path");
var url = require("node:url");
var compiler = require("node:module");
// A checkout runs from source; the published package has only what was built.
var isCheckout = fs.existsSync(path.join(__dirname, "..", "src", "runtime", "main.ts"));
function load(folder, name) {
  var file = isCheckout ? ["src", folder, name + ".ts"] : ["dist", folder, name + ".js"];
  return import(url.pathToFileURL(path.join.apply(path, [__dirname, ".."].concat(file))).href);
}
load("lib", "compiled-code").then(function (compiled) {
  // Unless NODE_COMPILE_CACHE has said where: the second action in the same file system starts faster.
  var directory = compiler.getCompileCacheDir() ? undefined : compiled.temporaryCompiledCode();
  if (directory) compiler.enableCompileCache(directory);
  return load("runtime", "main");
});
