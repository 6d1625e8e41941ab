/**
 * Generates `src/wire/gen` from the descriptors inside the PyPI wheel of `flyteidl2`.
 *
 * The npm package of the same name is older than the wheel that the stock SDK pins, and ships `.ts`
 * files with enums, which Node's type stripping refuses; the wheel carries no .proto files. So the
 * descriptors are read out of the wheel's Python modules and passed to `protoc-gen-es`, which asks
 * for nothing but a CodeGeneratorRequest on its standard input.
 *
 *   node scripts/gen-wire.ts           rewrite src/wire/gen
 *   node scripts/gen-wire.ts --check   fail if src/wire/gen is not what would be written
 */
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  FileDescriptorSetSchema,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";
import { createVenv } from "./python-env.ts";

const FLYTEIDL2 = "flyteidl2==2.0.51";
const root = join(import.meta.dirname, "..");
const target = join(root, "src/wire/gen");

function generate(): Map<string, string> {
  const scratch = mkdtempSync(join(tmpdir(), "boxkite-gen-"));
  try {
    const python = createVenv(join(scratch, "venv"), [FLYTEIDL2]);
    const descriptors = execFileSync(python, [join(import.meta.dirname, "flyteidl2_descriptors.py")], {
      maxBuffer: 64 << 20,
    });
    const files = fromBinary(FileDescriptorSetSchema, descriptors)
      .file.filter(({ name }) => !isOfOptions(name))
      .map(withoutUnreadOptions);
    const request = create(CodeGeneratorRequestSchema, {
      // google/protobuf is part of the protobuf library itself; everything else is generated.
      fileToGenerate: files.map((file) => file.name).filter((name) => !name.startsWith("google/protobuf/")),
      parameter: "target=js+dts,import_extension=js",
      protoFile: files,
    });
    const answer = execFileSync(
      process.execPath,
      [join(root, "node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es")],
      { input: toBinary(CodeGeneratorRequestSchema, request), maxBuffer: 256 << 20 },
    );
    const response = fromBinary(CodeGeneratorResponseSchema, answer);
    if (response.error) throw new Error(`protoc-gen-es: ${response.error}`);
    return new Map(response.file.map((file) => [file.name, file.content]));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Files that only define options, which the messages have no longer. */
function isOfOptions(name: string): boolean {
  return name.startsWith("buf/validate/") || name.startsWith("google/api/");
}

/**
 * Every process decodes the descriptors when it loads them, and rules of `buf.validate`, routes of `google.api` and the
 * packages of other languages were most of them. Nothing here reads those.
 */
function withoutUnreadOptions(file: FileDescriptorProto): FileDescriptorProto {
  if (file.publicDependency.length > 0) throw new Error(`${file.name} has public dependencies`);
  delete file.options;
  file.dependency = file.dependency.filter((name) => !isOfOptions(name));
  dropExtensions(file);
  return file;
}

/** Options that extensions define are unknown fields of the standard ones. */
function dropExtensions(part: object): void {
  for (const [name, value] of Object.entries(part)) {
    if (typeof value !== "object" || value === null) continue;
    if (name === "options") {
      delete value.$unknown;
      if (isEmpty(value)) delete (part as { options?: object }).options;
    } else dropExtensions(value);
  }
}

function isEmpty(message: object): boolean {
  return Object.entries(message).every(
    ([name, value]) => name === "$typeName" || (Array.isArray(value) && value.length === 0),
  );
}

function existing(): Map<string, string> {
  const found = new Map<string, string>();
  if (!existsSync(target)) return found;
  for (const entry of readdirSync(target, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(relative(target, path), readFileSync(path, "utf8"));
  }
  return found;
}

const wanted = generate();
if (process.argv.includes("--check")) {
  const have = existing();
  const stale = [...new Set([...wanted.keys(), ...have.keys()])].filter(
    (name) => wanted.get(name) !== have.get(name),
  );
  if (stale.length > 0) {
    console.error(
      `src/wire/gen is not what ${FLYTEIDL2} generates; run: npm run gen\n  ${stale.join("\n  ")}`,
    );
    process.exit(1);
  }
  console.log(`src/wire/gen is current (${wanted.size} files)`);
} else {
  rmSync(target, { recursive: true, force: true });
  for (const [name, content] of wanted) {
    mkdirSync(dirname(join(target, name)), { recursive: true });
    writeFileSync(join(target, name), content);
  }
  console.log(`wrote ${wanted.size} files to ${relative(root, target)}`);
}
