/** What the linter holds: correctness, and which folder of src may import which. */
import { defineConfig } from "oxlint";
import { LAYERS } from "./scripts/layers.ts";

interface Restriction {
  readonly group: string[];
  readonly message: string;
}

function layer(folder: string, allowed: readonly string[]) {
  const forbidden = Object.keys(LAYERS).filter((name) => name !== folder && !allowed.includes(name));
  const order: Restriction = {
    group: [
      ...forbidden.map((name) => `**/${name}/**`),
      // Folders of the generated messages have the names of some of ours.
      ...(allowed.includes("wire") ? ["!**/wire/gen/**"] : []),
    ],
    message: `src/${folder} may not import this folder: see scripts/layers.ts`,
  };
  return {
    files: [`src/${folder}/**`],
    excludeFiles: ["**/*.test.ts", "src/sdk/testing/**"],
    rules: { "no-restricted-imports": ["error", { patterns: [order, ...(ALSO[folder] ?? [])] }] as never },
  };
}

/** Beyond the order of the layers. */
const ALSO: Readonly<Record<string, readonly Restriction[]>> = {
  domain: [{ group: ["node:fs*", "node:http*", "node:net"], message: "the domain is pure" }],
  services: [
    {
      group: ["**/executors/*/**", "**/store/sqlite/**"],
      message: "services know no particular executor or store",
    },
  ],
  pages: [{ group: ["**/store/sqlite/**"], message: "pages know no particular store" }],
};

export default defineConfig({
  plugins: ["typescript", "import", "node", "unicorn", "oxc"],
  categories: { correctness: "error" },
  ignorePatterns: ["src/wire/gen", "dist", "node_modules", "bin"],
  rules: {
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": ["error", { checksVoidReturn: false }],
    "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
    "typescript/no-explicit-any": "error",
    "typescript/no-non-null-assertion": "error",
    "typescript/consistent-type-imports": "error",
    "import/no-cycle": "error",
    "import/no-default-export": "error",
    "no-console": "error",
    eqeqeq: "error",
    "unicorn/prefer-node-protocol": "error",
    "require-yield": "off",
    "typescript/unbound-method": "off",
  },
  overrides: [
    {
      files: ["scripts/**", "bench/**", "test/**", "examples/**", "docs/**"],
      rules: { "no-console": "off" },
    },
    { files: ["*.config.{ts,mjs}"], rules: { "import/no-default-export": "off" } },
    {
      files: ["**/*.test.ts", "test/**"],
      rules: {
        "typescript/no-floating-promises": [
          "error",
          {
            allowForKnownSafeCalls: [
              { from: "package", name: ["test", "suite", "describe", "it"], package: "node:test" },
            ],
          },
        ],
      },
    },
    ...Object.entries(LAYERS).flatMap(([folder, { imports }]) =>
      imports === "all below" ? [] : [layer(folder, imports)],
    ),
  ],
});
