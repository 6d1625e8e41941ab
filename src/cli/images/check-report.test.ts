import assert from "node:assert/strict";
import { test } from "node:test";
import { reportOn, reportOnError, type CheckedImage } from "../../images/check/report.ts";
import { NO_ADAPTATIONS } from "../../images/check/adaptations.ts";
import { BoxkiteError } from "../../domain/errors.ts";
import { BARE_PYTHON, imageFacts, PYTHON } from "../../../test/helpers/image-facts.ts";
import { reportJson, reportText } from "./check-report.ts";
import { exitCodeOf } from "./check.ts";

const DIGEST = `sha256:${"1".repeat(64)}`;
const IMAGE = {
  reference: "team/app:1",
  pinned: `docker.io/team/app@${DIGEST}`,
  digest: DIGEST,
  source: "registry",
} as const;
const VENV = { ...PYTHON, path: "/opt/venv/bin/python", prefix: "/opt/venv" };

const good = reportOn({ image: IMAGE, facts: imageFacts(), isCached: true }, {});
const UNUSUAL: CheckedImage = {
  image: IMAGE,
  facts: imageFacts(
    {
      pythons: [BARE_PYTHON, VENV],
      user: { uid: 1000, gid: 100 },
      workdir: { path: "/app", writable: false },
      entrypoint: "swallows",
    },
    { entrypoint: ["/serve"] },
  ),
  isCached: false,
};
const bad = reportOn(UNUSUAL, { available: NO_ADAPTATIONS });
const away = reportOnError(
  "team/app:1",
  new BoxkiteError("REGISTRY_UNREACHABLE", "registry docker.io cannot be asked", { hint: "try later" }),
);

test("a report for people: the answer, the facts, and what mends each finding", () => {
  assert.equal(
    reportText(good),
    `ok  team/app:1 runs as it is (Python tasks)
    image     digest ${DIGEST}, checked before
    platform  linux/amd64
    size      123 MB in 1 layer (gzip)
    system    debian 12, glibc
    user      root (0:0)
              HOME /root, writable
    workdir   /app, writable
    python    /usr/local/bin/python 3.11.7 (glibc 2.36), flyte 2.12.1, runs a0
    path      /usr/local/bin:/usr/bin:/bin
    tools     tar, /etc/ssl/certs/ca-certificates.crt

`,
  );
  const text = reportText(bad);
  assert.match(text, /^-- {2}team\/app:1 cannot run: A0_NOT_ON_PATH, ENTRYPOINT_SWALLOWS$/mu);
  assert.match(text, /^ {4}user {6}no name \(1000:100\)$/mu);
  assert.match(text, /^ {4}entry {5}\["\/serve"\], does not execute its arguments$/mu);
  assert.match(
    text,
    /^ {4}-- {3}A0_NOT_ON_PATH: .*\n {9}try: Dockerfile: ENV PATH=\/opt\/venv\/bin:\$PATH$/mu,
  );
  assert.match(text, /^ {9}or: {2}let a script end with: exec "\$@"$/mu);
  assert.match(text, /^ {4}but {2}WORKDIR_NOT_WRITABLE: /mu);
  assert.match(text, /^ {4}note USER_WITHOUT_NAME: /mu);
  const adapted = reportText(reportOn(UNUSUAL, {}));
  assert.match(
    adapted,
    /^ok {2}team\/app:1 runs \(Python tasks\), adapted: its interpreter is started by its full path, its ENTRYPOINT is replaced, the code is put there by the server$/mu,
  );
  assert.match(adapted, /^ {4}ok {3}A0_NOT_ON_PATH: /mu);
  assert.equal(
    reportText(away),
    `??  team/app:1 was not checked: REGISTRY_UNREACHABLE

    --   REGISTRY_UNREACHABLE: registry docker.io cannot be asked
         try: try later

`,
  );
});

test("a report for programs has the same, and one line", () => {
  const json = JSON.parse(JSON.stringify(reportJson(bad))) as Record<string, unknown>;
  assert.deepEqual(Object.keys(json), [
    "reference",
    "verdict",
    "languages",
    "findings",
    "digest",
    "imageId",
    "source",
    "cached",
    "facts",
  ]);
  assert.deepEqual(json["verdict"], {
    kind: "cannot",
    because: ["A0_NOT_ON_PATH", "ENTRYPOINT_SWALLOWS"],
  });
  assert.deepEqual([json["digest"], json["imageId"]], [DIGEST, null]);
  const local = reportJson(
    reportOn(
      {
        image: { ...IMAGE, pinned: DIGEST, source: "engine", note: "no registry" },
        facts: imageFacts(),
        isCached: false,
      },
      {},
    ),
  ) as Record<string, unknown>;
  assert.deepEqual([local["digest"], local["imageId"], local["note"]], [null, DIGEST, "no registry"]);
  assert.deepEqual(Object.keys(reportJson(away) as object), [
    "reference",
    "verdict",
    "languages",
    "findings",
  ]);
});

test("the exit code is that of the worst image", () => {
  assert.equal(exitCodeOf([good]), 0);
  assert.equal(exitCodeOf([good, bad, away]), 1);
  assert.equal(exitCodeOf([good, away]), 3);
});
