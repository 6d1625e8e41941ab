/**
 * Mutation tests of the core: would a test fail if this line were wrong? Not part of CI, because they take long:
 * npm run test:mutation, with -- --mutate FILE for one file.
 *
 * @type {import("@stryker-mutator/api/core").PartialStrykerOptions}
 */
export default {
  mutate: [
    "src/domain/transition.ts",
    "src/domain/outcome/*.ts",
    "!src/domain/outcome/*.test.ts",
    "src/store/require.ts",
    "src/lib/passes.ts",
    "src/lib/sigv4.ts",
    "src/orchestrator/object-rights.ts",
    "src/orchestrator/admission.ts",
    "src/orchestrator/apply.ts",
    "src/orchestrator/attempt-report.ts",
    "src/orchestrator/attempt-results.ts",
    "src/orchestrator/attempt-watch.ts",
    "src/orchestrator/attempts.ts",
    "src/orchestrator/dispatcher.ts",
    "src/orchestrator/effects.ts",
  ],
  testRunner: "tap",
  plugins: ["@stryker-mutator/tap-runner"],
  tap: {
    // Of these, each mutant meets those that reach it.
    testFiles: [
      "src/domain/**/*.test.ts",
      "src/store/**/*.test.ts",
      "src/lib/passes.test.ts",
      "src/lib/sigv4*.test.ts",
      "src/orchestrator/*.test.ts",
      "test/orchestrator/apply.test.ts",
    ],
    // A mutant that makes a test wait for ever is killed by the limit, not by that of the whole file.
    nodeArgs: ["--test-reporter=tap", "--test-timeout=10000", "-r", "{{hookFile}}", "{{testFile}}"],
  },
  coverageAnalysis: "perTest",
  // The first run takes a minute on an idle machine; the default of five minutes is too short on a busy one.
  dryRunTimeoutMinutes: 20,
  concurrency: 2,
  ignorePatterns: ["/*", "!/src", "!/test", "!/docs", "!/package.json"],
  disableTypeChecks: false,
  reporters: ["clear-text", "json", "progress-append-only"],
  clearTextReporter: { allowColor: false, reportTests: false, logTests: false },
  jsonReporter: { fileName: ".cache/mutation.json" },
  thresholds: { high: 95, low: 85, break: 85 },
  tempDirName: ".cache/stryker",
};
