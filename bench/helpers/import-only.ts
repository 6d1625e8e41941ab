/** Loads all that `boxkite up` loads, as `boxkite` does it, and ends: the floor under its start. */
import { enableCompileCache } from "node:module";

enableCompileCache();
await import(new URL("../../dist/cli/up.js", import.meta.url).href);
