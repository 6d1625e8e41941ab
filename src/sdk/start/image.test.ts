import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { writeContext } from "./build-context.ts";
import { containerfile } from "./containerfile.ts";
import { Image } from "../authoring/image.ts";
import { decodeImageCache, encodeImageCache } from "../authoring/image-cache.ts";

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
  writeFileSync(join(folder, "Dockerfile"), "FROM scratch\nCOPY a.txt .\n");
  const own = (): string => Image.fromDockerfile({ file: join(folder, "Dockerfile"), name: "own" }).tag;
  const before = own();
  assert.equal(own(), before);
  writeFileSync(join(folder, "a.txt"), "3");
  assert.notEqual(own(), before, "what the Dockerfile copies is part of the content");
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
COPY copy0/package.json ./
COPY copy1/package-lock.json ./
RUN npm ci --no-audit --no-fund --omit=dev
ENV PATH="/opt/bin:$PATH"
COPY copy2/package.json ./
`,
  );
});

test("a project's installation has all that its lockfile was made of, and nothing that is not in the image", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "boxkite-image-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const context = mkdtempSync(join(folder, "context-"));
  const project = (dependencies: Record<string, string>, packageManager?: string): Image => {
    writeFileSync(join(folder, "package.json"), JSON.stringify({ packageManager, dependencies }));
    return Image.fromDebianBase({ nodeVersion: "24" }).withNodeProject({ directory: folder });
  };
  mkdirSync(join(folder, "vendor"));
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "vendor/own.tgz"])
    writeFileSync(join(folder, file), "");
  assert.equal(
    containerfile(
      project({ own: "file:./vendor/own.tgz", zod: "^4.2.0" }, "pnpm@10.1.0+sha512.abc"),
      context,
    ),
    `FROM docker.io/library/node:24-slim
COPY copy0/package.json ./
COPY copy1/pnpm-lock.yaml ./
COPY copy2/pnpm-workspace.yaml ./
COPY copy3/own.tgz vendor/
RUN npm install --global --no-audit --no-fund pnpm@10.1.0
RUN pnpm install --frozen-lockfile --prod
`,
  );
  assert.match(containerfile(project({}), context), /install --global .* pnpm@\d+\.\d+\.\d+\n/);
  for (const version of ["link:../own", "workspace:*", "file:../own.tgz", "file:folder"])
    assert.throws(
      () => project({ own: version }),
      new RegExp(`own is ${version.replace("*", ".")}, which is not in`),
    );
});

test("the project's own scripts are not in the image", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "boxkite-image-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const imageOf = (scripts: Record<string, string>): Image => {
    const manifest = { type: "module", scripts, dependencies: { zod: "^4.2.0" } };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    writeFileSync(join(folder, "package-lock.json"), "{}");
    return Image.fromDebianBase().withNodeProject({ directory: folder });
  };
  const context = mkdtempSync(join(folder, "context-"));
  const image = imageOf({ prepare: "husky", postinstall: "patch-package" });
  writeContext(image, context);
  const written = join(context, "copy0/package.json");
  assert.deepEqual(JSON.parse(readFileSync(written, "utf8")), {
    type: "module",
    dependencies: { zod: "^4.2.0" },
  });
  assert.equal(statSync(written).mtimeMs, 0, "its time does not keep an engine from reusing the layer");
  assert.equal(imageOf({ prepare: "husky || true" }).tag, image.tag);
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
