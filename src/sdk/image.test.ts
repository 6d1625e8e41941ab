import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { containerfile } from "./image-build.ts";
import { Image } from "./image.ts";
import { decodeImageCache, encodeImageCache } from "./image-cache.ts";

test("the same content has the same tag", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "boxkite-image-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "a.txt"), "1");
  const make = (): Image =>
    Image.fromBase("reg/base:1")
      .clone({ name: "org/img", registry: "reg", extendable: true })
      .withSource(folder, "data");
  const { tag } = make();
  assert.equal(make().tag, tag);
  assert.equal(make().target, `reg/org/img:${tag}`);
  writeFileSync(join(folder, "a.txt"), "2");
  assert.notEqual(make().tag, tag);
  assert.notEqual(make().withEnvVars({ A: "1" }).tag, make().withEnvVars({ A: "2" }).tag);
});

test("layers as a Containerfile", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "boxkite-image-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "package.json"), "{}");
  writeFileSync(join(folder, "package-lock.json"), "{}");
  const context = mkdtempSync(join(folder, "context-"));
  const image = Image.fromBase("reg/base:1")
    .clone({ name: "img", extendable: true })
    .withAptPackages("git")
    .withNodeProject({ directory: folder })
    .withEnvVars({ PATH: "/opt/bin:$PATH" })
    .withCodeBundle()
    .withBakedCode([{ from: join(folder, "package.json"), to: "./" }]);
  assert.equal(
    containerfile(image, context),
    `FROM reg/base:1
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
COPY copy0/package.json .
COPY copy1/package-lock.json .
RUN npm ci --no-audit --no-fund --omit=dev
ENV PATH="/opt/bin:$PATH"
COPY copy2/package.json ./
`,
  );
});

test("mistakes", () => {
  assert.throws(
    () => Image.fromBase("b").withCommands(["true"]),
    /clone\(\{ name, registry, extendable: true \}\)/,
  );
  assert.throws(
    () => Image.fromDebianBase().withNodeProject({ directory: "/nowhere" }),
    /package-lock\.json is not there/,
  );
  assert.equal(Image.fromBase("b").needsBuild, false);
  assert.equal(Image.fromBase("b").clone({ name: "c" }).needsBuild, true);
});

test("the image cache is read by Python, and read from it", () => {
  const python =
    "H4sIAAAAAAAC/6tWysxNTE+Nz8nPzy4tULKqViopSszMy8xLV7JSKkpN14dxrQyVanWUkkozc1Lii0rz4jNTioGqa2sBKkfnOEEAAAA=";
  const images = { training: "reg/training:1" };
  assert.deepEqual(decodeImageCache(python), images);
  assert.deepEqual(decodeImageCache(encodeImageCache(images)), images);
});
